"""What the tests of whole suites share: one folder a test, no keys, and the slow imports done once."""

import importlib
import os
import warnings

import pytest

from suites import Suite

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
    "scipy.special",
)


@pytest.fixture(scope="session", autouse=True)
def _loaded() -> None:
    """Import what is slow before the first inner run, whose own imports are forgotten after it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in _SLOW:
            importlib.import_module(name)


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Suite:
    """Return an empty folder for tests, in a surrounding without keys and settings."""
    for name in os.environ:
        if name.endswith(("_API_KEY", "_BASE_URL", "_API_BASE")) or name.startswith("LLM_LATENCY_"):
            monkeypatch.delenv(name)
    return Suite(pytester)
