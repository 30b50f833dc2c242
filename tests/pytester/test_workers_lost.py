"""Workers and controllers that die, stop or talk nonsense, each at a moment of its own: the run ends and is not wrong.

The process itself does it, in its own body, fixture or sending, so that nothing here depends on time.
"""

import os
import select
import sys

import pytest

from pytest_llm_latency.model import Run
from pytest_llm_latency.workers import listener
from suites import MEASURED, Suite, printed

_SUITE = """
import os
import signal

import pytest

@pytest.mark.llm_latency(model="openai/gpt-4o-mini", requests=8, warmup=2, concurrency=2)
async def test_first(llm):
    await llm("hi")

@pytest.fixture
def moment(at):
    at("setup")

@pytest.mark.llm_latency(model="openai/gpt-4o-mini", requests=40, warmup=4, concurrency=4)
async def test_hit(moment, at, llm):
    await llm("hi")
    at("load" if at.count() >= 5 else "warmup")

@pytest.mark.llm_latency(model="openai/gpt-4o-mini", requests=8, warmup=2, concurrency=2)
async def test_last(llm):
    await llm("hi")
"""
_CONFTEST = """
import os
import signal
from pathlib import Path

import pytest

from pytest_llm_latency.workers.link import Link

FOLDER = Path(__file__).parent


def do():
    {act}


class At:
    '''Acts at one moment, in one worker: once, or in each that comes to it.'''

    def __init__(self, worker):
        self.worker = worker
        self.calls = 0

    def count(self):
        self.calls += 1
        return self.calls

    def __call__(self, moment):
        if moment != {moment!r} or self.worker == "gw0":
            return
        try:
            (FOLDER / "done").open("x").close()
        except FileExistsError:
            if not {each_time}:
                return
        do()


@pytest.fixture
def at(request):
    return At(os.environ.get("PYTEST_XDIST_WORKER", "gw0"))


def pytest_configure(config):
    if not hasattr(config, "workerinput"):
        (FOLDER / "controller").write_text(str(os.getpid()))
    else:
        (FOLDER / f"pid-{{config.workerinput['workerid']}}").write_text(str(os.getpid()))
        send = Link.send

        def sending(self, kind, body, data=b""):
            send(self, kind, body, data)
            if kind == "part" and body["test"].endswith("test_hit"):
                At(config.workerinput["workerid"])("send")

        Link.send = sending
        At.link = lambda: config.pluginmanager.getplugin("llm_latency_active")._member._link
"""
KILL = "os.kill(os.getpid(), signal.SIGKILL)"
STOP = "os.kill(os.getpid(), signal.SIGSTOP)"
NONSENSE = "At.link()._loop.call_soon_threadsafe(At.link()._writer.write, b'\\0\\0\\0\\3\\0\\0\\0\\0abc')"
KILL_CONTROLLER = "os.kill(int((FOLDER / 'controller').read_text()), signal.SIGKILL)"


def write(suite: Suite, act: str, moment: str, *, each_time: bool = False) -> None:
    """Write the suite whose second test acts at a moment."""
    suite.write(_SUITE)
    conftest = _CONFTEST.format(act=act, moment=moment, each_time=each_time)
    suite.pytester.makeconftest(conftest)


def runs(suite: Suite) -> dict[str, Run]:
    """Return what was stored, by the names of the tests."""
    return {test.test_id.partition("::")[2]: suite.session.runs(test)[0] for test in suite.session.tests}


def whole(run: Run) -> bool:
    """Whether a run has every iteration once, in a load that was divided once."""
    measured = [sample.iteration for sample in run.samples if sample.phase == "measure"]
    planned = list(range(run.plan.warmup, run.plan.warmup + run.plan.requests))
    return run.complete and sorted(measured) == planned


@pytest.mark.parametrize("moment", ["setup", "warmup", "load", "send"])
def test_a_worker_that_is_killed_has_its_test_measured_again(suite: Suite, warm: None, moment: str) -> None:
    """As a whole, with the worker that came in its place; the tests before and after are not touched."""
    write(suite, KILL, moment)
    result = suite.measure("-n2")
    result.assert_outcomes(passed=3)
    found = runs(suite)
    assert all(map(whole, found.values()))
    assert {name: [worker.id for worker in run.workers] for name, run in found.items()} == {
        "test_first": ["gw0", "gw1"],
        "test_hit": ["gw0", "gw2"],
        "test_last": ["gw0", "gw2"],
    }
    assert "replacing crashed worker gw1" in printed(result)


def test_a_worker_that_is_killed_again_makes_the_test_invalid_and_no_other(suite: Suite, warm: None) -> None:
    """It says who was lost and when; what the other worker measured is kept, and never judged."""
    write(suite, KILL, "load", each_time=True)
    result = suite.measure("-n2")
    found = runs(suite)
    result.assert_outcomes(passed=2, failed=1)
    assert suite.verdicts == {"test_first": "no_baseline", "test_hit": "invalid", "test_last": "no_baseline"}
    assert "invalid: worker gw2 was lost in the load" in " ".join(printed(result).split())
    assert not found["test_hit"].complete
    assert {sample.worker for sample in found["test_hit"].samples} == {"gw0"}
    assert whole(found["test_last"])


def test_a_worker_that_talks_nonsense_is_ended_and_replaced(suite: Suite, warm: None) -> None:
    """Its test is measured again without it."""
    write(suite, NONSENSE, "load")
    result = suite.measure("-n2")
    result.assert_outcomes(passed=3)
    found = runs(suite)
    assert [worker.id for worker in found["test_hit"].workers] == ["gw0", "gw2"]
    assert all(map(whole, found.values()))


def test_a_worker_that_is_stopped_is_ended_and_replaced(
    suite: Suite, warm: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When it has not been heard for as long as is allowed."""
    monkeypatch.setattr(listener, "SILENCE_S", 3.0)
    write(suite, STOP, "load")
    result = suite.measure("-n2")
    result.assert_outcomes(passed=3)
    found = runs(suite)
    assert [worker.id for worker in found["test_hit"].workers] == ["gw0", "gw2"]
    assert all(map(whole, found.values()))


def test_workers_end_when_their_controller_is_killed(suite: Suite, warm: None) -> None:
    """By themselves, and what was measured before lies in the results."""
    write(suite, KILL_CONTROLLER, "load")
    suite.pytester.run(sys.executable, "-m", "pytest", *MEASURED, "-n2", timeout=60)
    for path in suite.path.glob("pid-*"):
        try:
            process = os.pidfd_open(int(path.read_text(encoding="ascii")))
        except ProcessLookupError:
            continue
        ended, _, _ = select.select([process], [], [], 60)
        os.close(process)
        assert ended, f"{path.name} still runs"
    assert set(runs(suite)) == {"test_first"}
