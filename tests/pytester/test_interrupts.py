"""Ctrl-C in a process of its own: what was measured is kept, nothing is accepted, nothing hangs."""

import os
import signal
import time
from pathlib import Path

import pytest

import warm
from suites import MEASURED, Suite

ENDLESS = """
import pathlib
import pytest

@pytest.mark.llm_latency(model="openai/gpt-4o-mini", requests=100000, warmup=1, concurrency=3)
{kind}def test_endless(llm):
    {wait}llm("hi")
    {wait}llm("and then")
    with pathlib.Path("progress").open("a") as progress:
        progress.write(".")

@pytest.mark.llm_latency(model="openai/gpt-4o-mini", requests=2)
def test_no_turn(llm):
    llm("hi")
"""
PATIENCE_S = 60.0


def interrupted(address: str, suite: Suite, *arguments: str) -> tuple[int, str]:
    """Run the suite until its progress is some way on, then press Ctrl-C for it and its children."""
    output, progress = suite.path / "output.txt", suite.path / "progress"
    with output.open("wb") as file, Path(os.devnull).open("rb") as nothing:
        streams = (nothing.fileno(), file.fileno(), file.fileno())
        running = warm.start(address, ["pytest", *MEASURED, *arguments], folder=suite.path, streams=streams)
    try:
        end = time.monotonic() + PATIENCE_S
        while not (progress.exists() and progress.stat().st_size > 30):
            assert time.monotonic() < end, output.read_text(encoding="utf-8")
            time.sleep(0.02)
        os.killpg(running.pid, signal.SIGINT)
        code = running.wait(PATIENCE_S)
    except BaseException:
        os.killpg(running.pid, signal.SIGKILL)
        raise
    return code, output.read_text(encoding="utf-8")


@pytest.mark.parametrize(("kind", "wait"), [("async ", "await "), ("", "")])
def test_an_interrupted_run_keeps_what_was_measured_and_accepts_nothing(
    warm_address: str, suite: Suite, kind: str, wait: str
) -> None:
    """Exit code 2, an invalid benchmark with its samples, reports, and no baseline."""
    suite.profile(ttft="5ms")
    suite.write(ENDLESS.format(kind=kind, wait=wait))
    code, output = interrupted(warm_address, suite, "--llm-latency-accept", "-W", "error")
    assert code == pytest.ExitCode.INTERRUPTED, output
    (stored,) = suite.session.tests
    (run,) = suite.session.runs(stored)
    measured = [sample for sample in run.samples if sample.phase == "measure"]
    assert not run.complete
    assert len(measured) >= 30
    assert {sample.status for sample in measured} <= {"ok", "cancelled"}
    manifest = suite.session.manifest
    assert manifest is not None
    assert manifest.interrupted
    assert manifest.expected == ("test_suite.py::test_endless", "test_suite.py::test_no_turn")
    assert suite.document["metadata"]["interrupted"]
    assert set(suite.verdicts.values()) == {"invalid"}
    assert not (suite.path / "baselines" / "simulator").exists()
    assert "the session was interrupted" in " ".join(output.lower().split())
    assert "Warning" not in output
    assert "Exception ignored" not in output
