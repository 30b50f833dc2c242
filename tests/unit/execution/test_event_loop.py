"""Which event loop the plugin makes for plain tests."""

import sys

import pytest

import nouns
from pytest_llm_latency.benchmark import Benchmark, SyncCaller
from pytest_llm_latency.execution import event_loop
from pytest_llm_latency.execution.clock import MonotonicClock
from pytest_llm_latency.execution.fake_client import Answer, FakeClient
from pytest_llm_latency.load import closed


def loop_of_a_plain_test() -> str | None:
    """Return the package of the loop beside which a benchmark of two requests ran."""
    llm = SyncCaller()
    sender = FakeClient(lambda *_: Answer(ttft_s=0.0), MonotonicClock())
    benchmark = Benchmark(nouns.plan(requests=2, warmup=0, load=closed(1)), sender, llm)
    benchmark.run_in_threads(lambda: llm("Hi"))
    return benchmark.progress.watch.trust([]).event_loop


def test_uvloop_is_used_where_it_is_installed() -> None:
    """And the run says so."""
    pytest.importorskip("uvloop")
    assert loop_of_a_plain_test() == "uvloop"


def test_without_uvloop_it_is_the_standard_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which needs nothing."""
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert event_loop.factory() is None
    assert loop_of_a_plain_test() == "asyncio"
