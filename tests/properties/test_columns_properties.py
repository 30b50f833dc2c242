"""What columns give is what each request gives by itself."""

import dataclasses
from array import array

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import nouns
from pytest_llm_latency import metrics
from pytest_llm_latency.metrics import METRICS
from pytest_llm_latency.model import MEASURE, WARMUP, Run, Sample, Usage
from pytest_llm_latency.stats import columns

NANOSECONDS = st.integers(0, 10**10)
COUNTS = st.none() | st.integers(0, 40)


@st.composite
def measured(draw: st.DrawFn) -> Sample:
    """Draw a request with events of any kinds, some of them in one piece, and with or without a usage."""
    started = draw(st.integers(0, 2**62))
    at = sorted(draw(st.lists(NANOSECONDS, max_size=5)))
    known = st.none() | NANOSECONDS.map(lambda after: started + after)
    usage = st.none() | st.builds(
        Usage,
        tokens_in=COUNTS,
        tokens_out=COUNTS,
        tokens_reasoning=COUNTS,
        tokens_cached=COUNTS,
        tokens_cache_written=COUNTS,
        source=st.just("usage"),
    )
    sample = nouns.sample(0, draw(st.sampled_from([None, 0.1, 0.1])))
    stamps = dataclasses.replace(
        sample.stamps, started=started, scheduled=draw(known), send_end=draw(known), first_byte=draw(known)
    )
    events = array("q", [started + each for each in at])
    return dataclasses.replace(
        sample,
        stamps=stamps,
        phase=draw(st.sampled_from([MEASURE, MEASURE, WARMUP])),
        step=draw(st.sampled_from([None, "a"])),
        iteration=draw(st.integers(0, 3)),
        piece_ns=draw(st.sampled_from([events, array("q")])),
        event_ns=events,
        event_kinds="".join(draw(st.sampled_from("crtx")) for _ in at),
        event_characters=array("q", [draw(st.integers(0, 9)) for _ in at]),
        usage=draw(usage),
        cost_usd=draw(st.none() | st.floats(0, 1)),
    )


RUNS = st.builds(
    lambda samples, failed: nouns.run(
        samples=tuple(samples), iteration_failures=tuple((iteration, nouns.failure()) for iteration in failed)
    ),
    st.lists(measured(), max_size=6),
    st.lists(st.integers(0, 4), max_size=2, unique=True),
)


@settings(max_examples=150, derandomize=True, deadline=None)
@given(run=RUNS)
def test_a_column_has_the_values_that_the_requests_have_one_by_one(run: Run) -> None:
    """Every metric of every step, in the order of the requests, failed ones and unreached ones among them."""
    read = nouns.columns(run)
    assert columns.steps(read) == metrics.steps(run)
    measured = [sample for sample in run.samples if sample.phase == MEASURE]
    assert read.received_bytes.tolist() == [sum(sample.piece_bytes) for sample in measured]
    assert [None if np.isnan(each) else each for each in read.http_status] == [each.http_status for each in measured]
    for step in metrics.steps(run):
        for name in columns.BY_COLUMN:
            expected = metrics.series(run, step, METRICS[name])
            np.testing.assert_allclose(columns.series(read, step, METRICS[name]), expected, rtol=1e-9, err_msg=name)


def test_every_metric_that_a_baseline_can_judge_has_a_column() -> None:
    """The page draws what the gate compares."""
    assert set(metrics.GATED) <= columns.BY_COLUMN.keys()
