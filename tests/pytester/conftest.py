"""What the tests of whole suites share: one folder a test, no keys, and the slow imports done once."""

import contextlib
import gc
import importlib
import os
import warnings
from collections.abc import Iterator, Mapping

import pytest

from pytest_llm_latency import benchmark
from pytest_llm_latency.simulator import process
from pytest_llm_latency.stats import distrust
from suites import Imported, Suite

_SLOW = (
    "pytest_llm_latency.execution.litellm_client",
    "pytest_llm_latency.judge",
    "pytest_llm_latency.report.html",
    "pytest_llm_latency.report.json_report",
    "pytest_llm_latency.report.terminal",
    "pytest_llm_latency.simulator.process",
    "pytest_llm_latency.simulator.settings",
    "pytest_llm_latency.storage.acceptance",
    "pytest_llm_latency.storage.figures",
    "pytest_llm_latency.storage.samples",
    "hypothesis",
    "scipy.special",
)


@pytest.fixture(scope="session", autouse=True)
def _loaded() -> None:
    """Import what is slow before the first inner run, whose own imports are forgotten after it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in _SLOW:
            importlib.import_module(name)
    gc.freeze()  # what is loaded now stays, and need not be looked at again and again


@pytest.fixture(scope="session", name="session_imported")
def imported_in_this_session(tmp_path_factory: pytest.TempPathFactory) -> Imported:
    """Return what remembers the imports of all inner runs."""
    return Imported(tmp_path_factory.getbasetemp())


@pytest.fixture(name="imported")
def imported_before(session_imported: Imported) -> Imported:
    """Bring back what earlier tests imported before pytester takes note of what there is."""
    session_imported.restore()
    return session_imported


@pytest.fixture(scope="session", name="lent")
def one_simulator(_loaded: None) -> Iterator[process.SimulatorProcess]:
    """Yield the simulator that all runs in this process share: starting one takes longer than most runs."""
    with process.SimulatorProcess() as simulator:
        yield simulator


@pytest.fixture
def suite(
    imported: Imported, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, lent: process.SimulatorProcess
) -> Suite:
    """Return an empty folder for tests, in a surrounding without keys and settings."""

    class Lent:
        """A simulator as if it had just been started with these settings."""

        def __init__(self, settings: Mapping[str, object], *, host: str) -> None:
            lent.configure({"seed": 0, "slowdown": 1.0, "profiles": {}, "faults": [], **settings})
            lent.reset()
            self.api_bases = lent.api_bases

        def close(self) -> None:
            """Leave it to the next run."""

    for name in os.environ:
        if name.endswith(("_API_KEY", "_BASE_URL", "_API_BASE")) or name.startswith(("LLM_LATENCY_", "COV")):
            monkeypatch.delenv(name)
    monkeypatch.setattr(process, "SimulatorProcess", Lent)
    # The heap of this process is a test run's: collecting it takes longer than the benchmarks here.
    monkeypatch.setattr(benchmark, "quiet_collector", contextlib.nullcontext)
    # It has a busy machine and answers of a few milliseconds: what makes a run invalid for that is tested by itself.
    monkeypatch.setenv("LLM_LATENCY_MAX_ERROR", "10s")
    monkeypatch.setattr(distrust, "START_SKEW_LIMIT_S", 10.0)
    return Suite(pytester, imported)
