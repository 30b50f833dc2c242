"""What a run says of itself: when it began, and where it was measured."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import nouns
from pytest_llm_latency import measuring, options, surroundings
from pytest_llm_latency.benchmark import AsyncCaller, Benchmark
from pytest_llm_latency.execution.clock import FakeClock
from pytest_llm_latency.execution.fake_client import Answer, FakeClient
from pytest_llm_latency.model import Run

BEGINNING = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TEST = measuring.Test(id="tests/test_chat.py::test_chat", file="tests/test_chat.py", line=3)


@pytest.fixture
def made(tmp_path: Path) -> measuring.Measuring:
    """Return the measuring of a session without baselines."""
    settings = options.resolve(command_line=lambda _: None, ini=lambda _: None, root=tmp_path)
    origin = measuring.Origin(session_id="s", root=tmp_path, settings=settings, worker=None)
    return measuring.Measuring(origin, {}, None)


def benchmark() -> Benchmark:
    """Return a benchmark that has measured nothing yet."""
    return Benchmark(nouns.plan(), FakeClient(lambda *_: Answer(ttft_s=0.1), FakeClock()), AsyncCaller())


def test_a_benchmark_notes_when_it_begins() -> None:
    """On the wall clock, with its zone."""
    before = datetime.now(UTC)
    assert before <= benchmark().started_at <= datetime.now(UTC)


def test_a_run_started_when_its_benchmark_began(made: measuring.Measuring) -> None:
    """Not when it ended, which may be an hour later."""
    measured = benchmark()
    measured.started_at = BEGINNING
    run: Run = made.conclude(measured, TEST).run
    assert run.started_at == "2026-01-02T03:04:05+00:00"


def test_the_surroundings_are_described_once_for_a_session(
    made: measuring.Measuring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Git is asked three times for it."""
    described: list[Any] = []
    describe = surroundings.describe

    def noted(**facts: Any) -> Any:
        described.append(facts)
        return describe(**facts)

    monkeypatch.setattr(surroundings, "describe", noted)
    runs = [made.conclude(benchmark(), TEST).run for _ in range(3)]
    assert len(described) == 1
    assert runs[0].environment == runs[2].environment
