"""Stored requests as rows: whose they are, when they were, and what a failed one does not have."""

import dataclasses
from datetime import UTC, datetime

import nouns
from pytest_llm_latency.testbench import rows

FILE = "data/set.json"


def test_moments_count_from_the_first_request_of_the_run() -> None:
    """That is one of the warm-up: the run starts with it."""
    warm, measured = nouns.sample(5, 0.1, 0.2, phase="warmup"), nouns.sample(10, 0.1, 0.5)
    run = nouns.run(started_at="2026-03-02T10:15:00+01:00", samples=(warm, measured))
    (row,) = rows.of_runs([run])
    assert row.started_at == datetime(2026, 3, 2, 9, 15, 2, tzinfo=UTC)
    assert row.ended_at == datetime(2026, 3, 2, 9, 15, 2, 500_000, tzinfo=UTC)


def test_a_test_of_a_file_is_its_scenario_and_another_one_itself() -> None:
    """A step is named beside its test."""
    steps = [dataclasses.replace(nouns.sample(0, 0.1, 0.5), step=step) for step in (None, "answer")]
    conditions = tuple(nouns.conditions(step=step) for step in (None, "answer"))
    told = {
        (name, file): [row.test_id for row in rows.of_runs([run])]
        for name, file in ((f"{FILE}::scenario[to-3]", FILE), ("tests/test_a.py::test_a[b]", "tests/test_a.py"))
        for run in [nouns.run(test_id=name, file=file, samples=tuple(steps), conditions=conditions)]
    }
    assert list(told.values()) == [
        ["to-3", "to-3:answer"],
        ["tests/test_a.py::test_a[b]", "tests/test_a.py::test_a[b]:answer"],
    ]


def test_a_request_that_broke_off_has_no_latency_of_its_tokens() -> None:
    """What had come of its answer counts nowhere else either."""
    broken = nouns.sample(0, 0.1, 0.5, status="error", failure=nouns.failure(), usage=None)
    (row,) = rows.of_runs([nouns.run(samples=(broken,))])
    assert (row.status, row.ttft_s, row.gaps_s, row.tokens) == ("failure", None, (), None)
    assert row.duration_s > 0


def test_tokens_are_known_where_both_parts_are() -> None:
    """Those of reasoning are told beside them."""
    sample = nouns.sample(0, 0.1, 0.5)
    assert sample.usage is not None
    usages = [{"tokens_reasoning": 7}, {"tokens_in": None}, {"tokens_out": None}]
    samples = tuple(dataclasses.replace(sample, usage=dataclasses.replace(sample.usage, **each)) for each in usages)
    found = rows.of_runs([nouns.run(samples=samples)])
    assert [(row.tokens, row.tokens_reasoning) for row in found] == [(437, 7), (None, None), (None, None)]
