"""Workers on other hosts over a real ssh: the recipe of the documentation, as it is written there."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import hosts
from pytest_llm_latency.model import Run
from pytest_llm_latency.storage import results
from pytest_llm_latency.units import seconds
from suites import INI, QUICK

ROOT = Path(__file__).parents[2]
SUITE = """
import pytest

@pytest.mark.llm_latency(model="openai/gpt-4o-mini", requests=40, warmup=2, concurrency=4)
async def test_chat(llm):
    reply = await llm("Say hello.")
    assert reply.text
"""

pytestmark = pytest.mark.needs("ssh", "ssh-keygen", hosts.SSHD)


def recipe() -> str:
    """Return the command of the page that starts workers on two hosts."""
    page = (ROOT / "docs" / "how-to" / "hosts.md").read_text(encoding="utf-8")
    (found,) = re.findall(r"^\$ (pytest --llm-latency --llm-latency-listen.*?)\n```", page, re.DOTALL | re.MULTILINE)
    return str(found)


def project(folder: Path) -> Path:
    """Write the checkout of the page, which measures against a simulator."""
    folder.mkdir()
    (folder / "test_chat.py").write_text(SUITE, encoding="utf-8")
    (folder / "profile.json").write_text(json.dumps({"profiles": {"*": QUICK}}), encoding="utf-8")
    ini = "llm_latency_simulate = true\nllm_latency_simulate_profile = profile.json\nllm_latency_max_error = 10s\n"
    (folder / "pytest.ini").write_text(f"{INI}{ini}", encoding="utf-8")
    return folder


def wrapped_ssh(folder: Path, configs: list[Path]) -> Path:
    """Write an ssh that knows these hosts, whatever the user's own configuration is."""
    (folder / "ssh_config").write_text("".join(each.read_text(encoding="utf-8") for each in configs), encoding="utf-8")
    program = folder / "ssh"
    program.write_text(f'#!/bin/sh\nexec /usr/bin/ssh -F {folder}/ssh_config "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    return folder


def followed(command: str, folder: Path, *paths: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as its reader does, with these folders of programs before all others."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV", "LLM_LATENCY"))}
    clean["PATH"] = os.pathsep.join([*map(str, paths), clean["PATH"]])
    return subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=clean,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=120,
        check=False,
    )


def measured(folder: Path) -> Run:
    """Return the one run that was stored."""
    session = results.read_session(results.latest(folder / ".llm-latency"))
    (run,) = [run for test in session.tests for run in session.runs(test)]
    return run


def test_the_recipe_measures_on_two_hosts_of_two_regions(tmp_path: Path, programs: Path) -> None:
    """Each sample names its host and its region, the report compares the two, and nothing was copied."""
    folder = project(tmp_path / "chat")
    with hosts.sshd(tmp_path / "eu", "eu") as eu, hosts.sshd(tmp_path / "us", "us") as us:
        command = recipe().replace("/srv/chat/.venv/bin/python", str(programs / "python"))
        command = command.replace("/srv/chat", str(folder)).replace("10.0.0.5", "127.0.0.1")
        done = followed(command, folder, wrapped_ssh(tmp_path, [eu, us]), programs)
    assert "1 passed" in done.stdout or "invalid: " in done.stdout, done.stdout  # where the machine is busy
    found = measured(folder).samples
    assert {(each.worker, each.host, each.region) for each in found} == {
        ("gw0", os.uname().nodename, "eu"),
        ("gw1", os.uname().nodename, "us"),
    }
    assert len(found) == 42
    assert re.search(r"^  ttft +eu .*^  ttft +us ", done.stdout, re.DOTALL | re.MULTILINE)
    page = (folder / ".llm-latency" / "report" / "index.html").read_text(encoding="utf-8")
    assert "<h4>By region</h4>" in page
    assert page.count('<th scope="row">eu</th>') == page.count('<th scope="row">us</th>') > 0
    assert all(f" · {region}" in page for region in ("eu", "us"))  # beside each other
    assert not list(folder.glob("*pytest"))


@pytest.mark.skipif(hosts.missing() is not None, reason=str(hosts.missing()))
def test_hosts_with_addresses_names_clocks_and_ways_of_their_own_measure_as_one(tmp_path: Path) -> None:
    """What crosses the network arrives, samples have one order, and nobody waits for a moment of another clock."""
    folder = project(tmp_path / "chat")
    ahead_s, delay_s = {"gw0": 1_000, "gw1": 5_000}, {"gw0": 0.005, "gw1": 0.02}
    with (
        hosts.host(0, "host-eu", delay_s=delay_s["gw0"], ahead_s=ahead_s["gw0"]) as first,
        hosts.host(1, "host-us", delay_s=delay_s["gw1"], ahead_s=ahead_s["gw1"]) as second,
        hosts.sshd(tmp_path / "eu", "eu", first) as eu,
        hosts.sshd(tmp_path / "us", "us", second) as us,
    ):
        command = recipe().replace("/srv/chat/.venv/bin/python", f"env PYTHONPATH={ROOT} {sys.executable}")
        command = command.replace("/srv/chat", str(folder)).replace("10.0.0.5", hosts.controller_address())
        command = command.replace("pytest", f"{sys.executable} -m pytest", 1)
        done = followed(command, folder, wrapped_ssh(tmp_path, [eu, us]))
    assert "1 passed" in done.stdout or "invalid: " in done.stdout, done.stdout  # where the machine is busy
    run = measured(folder)
    assert {(each.worker, each.host, each.region) for each in run.samples} == {
        ("gw0", "host-eu", "eu"),
        ("gw1", "host-us", "us"),
    }
    for worker in run.workers:
        assert worker.clock_offset_s is not None
        assert worker.clock_error_s is not None
        assert worker.clock_error_s >= delay_s[worker.id]
        assert abs(worker.clock_offset_s - ahead_s[worker.id]) <= worker.clock_error_s
    started = [sample.stamps.started for sample in run.samples]
    assert started == sorted(started)
    assert seconds(started[-1] - started[0]) < min(ahead_s.values())
    for sample in run.samples:
        if sample.stamps.tcp_end is not None and sample.stamps.dns_end is not None:
            assert seconds(sample.stamps.tcp_end - sample.stamps.dns_end) >= 2 * delay_s[str(sample.worker)]
