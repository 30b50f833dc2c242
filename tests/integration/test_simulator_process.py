"""The simulator as a process: it starts, says where it is, and never outlives its parent."""

import argparse
import json
import os
import select
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_llm_latency.commands import simulate
from pytest_llm_latency.errors import PortInUseError, SettingsError, SimulatorError
from pytest_llm_latency.simulator.process import SimulatorProcess
from pytest_llm_latency.simulator.protocols import PROTOCOLS
from pytest_llm_latency.simulator.server import Address

PARENT = """
import os, sys
from pytest_llm_latency.simulator.process import SimulatorProcess
simulator = SimulatorProcess()
print(simulator._process.pid, flush=True)
sys.stdin.read()
os._exit(1)
"""
COMMAND = """
import argparse, sys
from pytest_llm_latency.commands import simulate
parser = argparse.ArgumentParser()
simulate.add_parser(parser.add_subparsers())
arguments = parser.parse_args()
sys.exit(arguments.handler(arguments))
"""


@pytest.fixture
def taken_port() -> Iterator[int]:
    """Hold a port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_it_answers_where_it_says_and_stops_with_the_block() -> None:
    """What litellm needs differs for each provider."""
    with SimulatorProcess({"seed": 1}) as simulator:
        assert simulator.base_url.startswith("http://127.0.0.1:")
        assert simulator.api_base("openai") == f"{simulator.base_url}/v1"
        assert simulator.api_base("anthropic") == simulator.base_url
        assert simulator.api_base("gemini") == f"{simulator.base_url}/v1beta"
        with urllib.request.urlopen(f"{simulator.base_url}/_simulator/health") as response:
            assert response.status == 200
    assert simulator._process.returncode == 0
    simulator.close()


def test_a_provider_that_it_does_not_speak_for_is_named() -> None:
    """The message suggests the one that was meant."""
    with SimulatorProcess() as simulator, pytest.raises(SimulatorError, match="did you mean 'anthropic'"):
        simulator.api_base("antropic")


def test_a_port_in_use_is_named_with_the_remedy(taken_port: int) -> None:
    """Nothing is left running."""
    with pytest.raises(PortInUseError, match=rf"^port {taken_port} of 127.0.0.1 is in use: .*choose another port"):
        SimulatorProcess(port=taken_port)


@pytest.mark.parametrize(
    ("host", "port", "raised", "message"),
    [("127.0.0.1", 99999, SettingsError, "does not exist"), ("x.invalid", 0, SimulatorError, "lis")],
)
def test_an_address_that_cannot_be_listened_on_is_named(
    host: str, port: int, raised: type[Exception], message: str
) -> None:
    """The message ends with the remedy; a port that there is not is a mistake of who wrote it."""
    with pytest.raises(raised, match=f"{message}.*: choose"):
        SimulatorProcess(host=host, port=port)


def test_wrong_settings_are_refused_before_anything_is_started() -> None:
    """The message is the settings' own."""
    with pytest.raises(SettingsError, match="did you mean 'slowdown'"):
        SimulatorProcess({"slowdwon": 2})


def test_a_process_that_died_is_reported_with_its_last_words() -> None:
    """And with what to do."""
    with SimulatorProcess() as simulator:
        simulator._process.kill()
        simulator._process.wait()
        with pytest.raises(SimulatorError, match=r"ended with status -9: it said nothing\. Start it again\."):
            simulator.truths()


def test_a_process_that_cannot_start_is_reported_with_its_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here its module does not exist."""
    monkeypatch.setattr("pytest_llm_latency.simulator.process._MODULE", "pytest_llm_latency.simulator.absent")
    with pytest.raises(SimulatorError, match=r"ended with status 1: .*absent"):
        SimulatorProcess()


def test_it_ends_when_its_parent_does() -> None:
    """A parent that is killed closes the pipe like one that exits."""
    with subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        descriptor = os.pidfd_open(child)
        parent.kill()
    try:
        # A descriptor of a process is readable from the moment at which the process has ended.
        ended, _, _ = select.select([descriptor], [], [], 20)
    finally:
        os.close(descriptor)
    assert ended


def test_ctrl_c_is_the_parents_to_handle() -> None:
    """A terminal sends it to the whole group; the simulator serves until its parent says otherwise."""
    with SimulatorProcess() as simulator:
        simulator._process.send_signal(signal.SIGINT)
        assert simulator.truths() == ()


def command(*arguments: str) -> "subprocess.Popen[str]":
    """Start ``llm-latency simulate``."""
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, "simulate", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_command_says_how_to_use_it_and_ends_with_ctrl_c(tmp_path: Path) -> None:
    """It exits with 0 and without a traceback."""
    settings = tmp_path / "simulator.yaml"
    settings.write_text("profiles: {'*': {ttft: 1ms, output_tokens: 1}}", encoding="utf-8")
    with command("--profile", str(settings), "--slowdown", "2", "--seed", "3", "--log-requests") as running:
        assert running.stdout is not None
        base_url = running.stdout.readline().split()[4]
        assert base_url.startswith("http://127.0.0.1:")
        lines = [running.stdout.readline() for _ in range(1 + 2 * len(PROTOCOLS))]
        body = b'{"model": "m", "messages": [{"role": "user", "content": "hello"}]}'
        with urllib.request.urlopen(f"{base_url}/v1/chat/completions", data=body) as response:
            assert response.status == 200
        logged = running.stdout.readline()
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=20)
    assert f"  export OPENAI_BASE_URL={base_url}/v1 OPENAI_API_KEY=none\n" in lines
    assert f"  export ANTHROPIC_BASE_URL={base_url} ANTHROPIC_API_KEY=none\n" in lines
    assert f"  export GEMINI_API_BASE={base_url}/v1beta GEMINI_API_KEY=none\n" in lines
    assert logged.startswith("#1  openai  m  whole  200  3 + 1 tokens  first delta after ")
    assert (running.returncode, errors) == (0, "")


def test_the_command_names_the_certificate_to_trust(capsys: pytest.CaptureFixture[str]) -> None:
    """Where it serves https."""
    place = Address(base_url="https://127.0.0.1:1", control_url="http://127.0.0.1:2", certificate=Path("some.pem"))
    simulate._announce(place)
    printed = capsys.readouterr().out
    assert "export SSL_CERT_FILE=some.pem\n" in printed
    assert "export OPENAI_BASE_URL=https://127.0.0.1:1/v1 OPENAI_API_KEY=none\n" in printed


def test_the_addresses_are_one_line_of_json_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    """So that a script knows the port that was free."""
    simulate._announce_as_json(
        Address(base_url="http://127.0.0.1:1", control_url="http://127.0.0.1:2", certificate=None)
    )
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1
    found = json.loads(printed)
    assert (found["base_url"], found["certificate"]) == ("http://127.0.0.1:1", None)
    assert found["providers"]["openai"] == {
        "variables": ["OPENAI_BASE_URL", "OPENAI_API_KEY"],
        "api_base": "http://127.0.0.1:1/v1",
    }


def test_the_command_raises_what_its_user_caused(tmp_path: Path, taken_port: int) -> None:
    """The command line turns it into a message and an exit code."""
    parser = argparse.ArgumentParser()
    simulate.add_parser(parser.add_subparsers())
    for arguments, error in (
        (["--port", str(taken_port)], PortInUseError),
        (["--profile", str(tmp_path / "none.yaml")], SettingsError),
        (["--slowdown", "0"], SettingsError),
    ):
        chosen = parser.parse_args(["simulate", *arguments])
        with pytest.raises(error):
            chosen.handler(chosen)
