"""Load shapes turn a count into planned starts."""

import math

import pytest

from pytest_llm_latency import load
from pytest_llm_latency.errors import MarkerError
from pytest_llm_latency.model import Load, Schedule


def test_a_closed_loop_may_start_everything_at_once_within_its_concurrency() -> None:
    """Each offset is the earliest start; the concurrency holds the rest back."""
    assert load.schedule(load.closed(2), 3) == Schedule(offsets_s=(0.0, 0.0, 0.0), concurrency=2)


def test_a_constant_rate_spaces_the_starts_evenly_and_never_waits() -> None:
    """Starts are multiples of the period, so that they do not drift."""
    assert load.schedule(load.constant(20), 4) == Schedule(offsets_s=(0.0, 0.05, 0.1, 0.15), concurrency=None)


def test_a_schedule_of_no_iterations_is_empty() -> None:
    """A benchmark without warm-up has such a phase."""
    assert load.schedule(load.constant(1), 0).offsets_s == ()


def test_one_user_is_the_default_of_a_closed_loop() -> None:
    """Nothing else is a safe guess."""
    assert load.closed() == Load(shape="closed", parameters={"concurrency": 1})


@pytest.mark.parametrize("concurrency", [0, -1, 1.5, True, "8", None])
def test_a_concurrency_that_is_no_positive_whole_number_is_refused(concurrency: object) -> None:
    """The message shows the value and what it must be."""
    with pytest.raises(MarkerError, match=r"^concurrency is .*: it must be a whole number of at least 1\.$"):
        load.closed(concurrency)


@pytest.mark.parametrize("rate", [0, -1.0, math.inf, math.nan, True, "20", None])
def test_a_rate_that_is_no_positive_number_is_refused(rate: object) -> None:
    """The message shows the value and how a rate is written."""
    with pytest.raises(MarkerError, match=r"^the rate is .*: it must be a number above 0, as in load='20/s'\.$"):
        load.constant(rate)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("closed", "closed, concurrency 4"), ("20/s", "constant, 20/s"), ("90/min", "constant, 1.5/s")],
)
def test_a_load_is_read_from_a_text_and_described_in_words(text: str, expected: str) -> None:
    """The description is what reports show and what decides whether two runs are comparable."""
    assert load.describe(load.parse(text, concurrency=4)) == expected


@pytest.mark.parametrize("text", ["open", "20", "20/ms", ""])
def test_a_text_that_is_no_load_says_how_one_is_written(text: str) -> None:
    """Both forms stand in the message."""
    with pytest.raises(MarkerError, match=r"is not a load: write 'closed' .* or a rate such as '20/s'\.$"):
        load.parse(text, concurrency=1)


def test_a_rate_of_zero_in_a_text_is_refused_like_any_other() -> None:
    """The form is right and the value is not."""
    with pytest.raises(MarkerError, match=r"^the rate is 0\.0"):
        load.parse("0/s", concurrency=1)


def test_only_a_closed_loop_has_a_concurrency() -> None:
    """An open loop never waits for answers."""
    assert load.concurrency(load.closed(8)) == 8
    assert load.concurrency(load.constant(5)) is None
