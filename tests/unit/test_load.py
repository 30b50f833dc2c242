"""Load shapes turn a count into planned starts."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from pytest_llm_latency import load
from pytest_llm_latency.errors import MarkerError
from pytest_llm_latency.model import Load, Schedule, Trace

TRACE = Trace(name="a.csv", digest="0f1e2d", offsets_s=(0.0, 0.5, 3.0), tokens_in=None, tokens_out=None)


def offsets(text: str, count: int | None = None) -> tuple[float, ...]:
    """Return the planned starts of a load that is written as text; all of them where it says how many."""
    found = load.parse(text, concurrency=1)
    assert isinstance(found, Load)
    wanted = load.total(found) if count is None else count
    assert wanted is not None
    return load.schedule(found, wanted).offsets_s


def test_a_closed_loop_may_start_everything_at_once_within_its_concurrency() -> None:
    """Each offset is the earliest start; the concurrency holds the rest back."""
    assert load.schedule(load.closed(2), 3) == Schedule(offsets_s=(0.0, 0.0, 0.0), concurrency=2)


def test_a_constant_rate_spaces_the_starts_evenly_and_never_waits() -> None:
    """Starts are multiples of the period, so that they do not drift."""
    assert load.schedule(load.constant(20), 4) == Schedule(offsets_s=(0.0, 0.05, 0.1, 0.15), concurrency=None)


def test_poisson_arrivals_are_the_same_on_every_machine() -> None:
    """These numbers are those of the seed; another seed has others."""
    assert offsets("poisson 10/s", 3) == (0.186060711, 0.327923626, 0.382494941)
    assert offsets("poisson 10/s seed 1", 3) != offsets("poisson 10/s", 3)
    assert offsets("poisson 10/s", 200)[:3] == offsets("poisson 10/s", 3)


def test_a_ramp_gets_from_one_rate_to_the_other() -> None:
    """2/s to 4/s over two seconds are six starts, the later the closer."""
    expected = (0.0, 0.449489743, 0.828427125, 1.16227766, 1.464101615, 1.741657387)
    assert offsets("ramp 2/s..4/s over 2s") == expected
    assert offsets("ramp 0/s..2/s over 2s") == pytest.approx((0.0, math.sqrt(2)))
    assert offsets("ramp 2/s..0/s over 2s") == pytest.approx((0.0, 2 - math.sqrt(2)))


def test_a_burst_starts_several_at_once_again_and_again() -> None:
    """Nothing between the bursts."""
    assert offsets("burst 2 every 1500ms", 5) == (0.0, 0.0, 1.5, 1.5, 3.0)


def test_stages_follow_one_another_and_may_pause_or_ramp() -> None:
    """A stage begins when the one before it ends."""
    assert offsets("stages 2/s for 1s, 4/s for 1s") == (0.0, 0.5, 1.0, 1.25, 1.5, 1.75)
    assert offsets("stages 1/s for 1s, 0/s for 10s, 1/s for 1s") == (0.0, 11.0)
    assert offsets("stages 0/s..2/s for 2s, 2/s for 1s") == pytest.approx((0.0, math.sqrt(2), 2.0, 2.5))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("stages 0.1/s for 30s", 3),
        ("stages 0.1/s for 0.3s, 1.1/s for 2.7s", 3),
        ("stages 0.7/s for 10s, 0.3/s for 10s", 10),
        ("ramp 1/s..20/s over 30s", 315),
        ("stages 3/s for 0.5s", 2),
    ],
)
def test_a_shape_with_a_duration_knows_how_many_it_starts(text: str, expected: int) -> None:
    """Every start before its end, and sums of fractions are not off by one."""
    found = load.parse(text, concurrency=1)
    assert isinstance(found, Load)
    assert load.total(found) == len(offsets(text)) == expected


def test_a_replay_starts_as_the_trace_did_or_faster() -> None:
    """The speed divides the offsets."""
    assert load.schedule(load.replayed(TRACE, 1.0), 3).offsets_s == (0.0, 0.5, 3.0)
    assert load.schedule(load.replayed(TRACE, 2.0), 2).offsets_s == (0.0, 0.25)
    assert load.total(load.replayed(TRACE, 2.0)) == 3


def test_a_schedule_of_no_iterations_is_empty() -> None:
    """A benchmark without warm-up has such a phase."""
    for text in ("1/s", "poisson 1/s", "ramp 1/s..2/s over 1s", "burst 2 every 1s"):
        assert offsets(text, 0) == ()


def test_one_user_is_the_default_of_a_closed_loop() -> None:
    """Nothing else is a safe guess."""
    assert load.closed() == Load(shape="closed", parameters={"concurrency": 1}, trace=None)


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
    ("make", "message"),
    [
        (lambda: load.poisson(1, seed=-1), "the seed is -1: it must be a whole number of at least 0."),
        (lambda: load.burst(0, "1s"), "the size of a burst is 0: it must be a whole number of at least 1."),
        (lambda: load.burst(2, 0), "the duration is 0: it must be a number above 0, as in '30s'."),
        (lambda: load.ramp(1, 2, "soon"), "the duration is 'soon': it must be a number above 0, as in '30s'."),
        (lambda: load.ramp(0, 0, 3), "the load 'ramp, 0/s for 3 s' starts nothing: raise a rate."),
        (load.stages, "stages takes pairs of a rate and a duration: write stages(('5/s', '10s'), ('20/s', '30s'))."),
        (lambda: load.stages("5/s"), "stages takes pairs of a rate and a duration"),
        (lambda: load.replay("a.csv", speed=0), "the speed is 0: it must be a number above 0"),
    ],
)
def test_values_that_make_no_load_are_refused(make: Callable[[], Any], message: str) -> None:
    """The message says what is wrong and how it is written."""
    with pytest.raises(MarkerError) as caught:
        make()
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("closed", "closed, concurrency 4"),
        ("20/s", "constant, 20/s"),
        ("90/min", "constant, 1.5/s"),
        ("constant 20/s", "constant, 20/s"),
        ("poisson 20/s", "poisson, 20/s, seed 0"),
        ("poisson 90/min seed 7", "poisson, 1.5/s, seed 7"),
        ("ramp 1/s..20/s over 30s", "ramp, 1/s to 20/s for 30 s"),
        ("burst 10 every 2s", "burst, 10 every 2 s"),
        ("stages 5/s for 10s, 20/s for 30s", "stages, 5/s for 10 s, 20/s for 30 s"),
        ("  stages  5/s..10/s for 1min,20/s for 500ms ", "stages, 5/s to 10/s for 60 s, 20/s for 0.5 s"),
    ],
)
def test_a_load_is_read_from_a_text_and_described_in_words(text: str, expected: str) -> None:
    """The description is what reports show and what decides whether two runs are comparable."""
    found = load.parse(text, concurrency=4)
    assert isinstance(found, Load)
    assert load.describe(found) == expected


@pytest.mark.parametrize(
    ("text", "path", "speed"),
    [("replay a.csv", "a.csv", 1.0), ("replay my traces/a b.csv at 2.5x", "my traces/a b.csv", 2.5)],
)
def test_a_replay_names_its_file_and_may_be_faster(text: str, path: str, speed: float) -> None:
    """The file is read when the plan is made."""
    assert load.parse(text, concurrency=1) == load.Replay(path=path, speed=speed) == load.replay(path, speed)


def test_a_replay_is_described_by_its_name_its_content_and_its_speed() -> None:
    """Another file of the same name is another load."""
    assert load.describe(load.replayed(TRACE, 2.0)) == "replay of a.csv (0f1e2d), 3 requests, speed 2"


def test_every_form_that_messages_show_can_be_read() -> None:
    """And is of the shape that it stands for."""
    for name, shape in load.SHAPES.items():
        found = load.parse(shape.form, concurrency=1)
        assert isinstance(found, load.Replay) if name == "replay" else found.shape == name  # type: ignore[union-attr]


@pytest.mark.parametrize("text", ["open", "20", "20/ms", ""])
def test_a_text_that_is_no_load_says_how_one_is_written(text: str) -> None:
    """With every form where none is near."""
    with pytest.raises(MarkerError, match=r"(write one of 'closed', '20/s'|as in load='20/s'|is not a load)"):
        load.parse(text, concurrency=1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("poison 20/s", "is not a load: did you mean 'poisson 20/s'?"),
        ("poisson", "cannot be read: write it as in 'poisson 20/s'."),
        ("ramp 1/s to 20/s in 30s", "cannot be read: write it as in 'ramp 1/s..20/s over 30s'."),
        ("burst 10", "cannot be read: write it as in 'burst 10 every 2s'."),
        ("stages 5/s", "cannot be read: write it as in 'stages 5/s for 10s, 20/s for 30s'."),
        ("stages 5/s for 10s,", "cannot be read: write it as in 'stages 5/s for 10s, 20/s for 30s'."),
        ("closed 8", "cannot be read: write it as in 'closed'."),
        ("replay", "cannot be read: write it as in 'replay trace.csv'."),
    ],
)
def test_a_load_that_is_nearly_right_is_answered_with_the_right_form(text: str, message: str) -> None:
    """One message, the shape's own form in it."""
    with pytest.raises(MarkerError) as caught:
        load.parse(text, concurrency=1)
    assert str(caught.value) == f"load={text!r} {message}"


def test_a_rate_of_zero_in_a_text_is_refused_like_any_other() -> None:
    """The form is right and the value is not."""
    with pytest.raises(MarkerError, match=r"^the rate is '0/s'"):
        load.parse("0/s", concurrency=1)


def test_only_a_closed_loop_has_a_concurrency() -> None:
    """An open loop never waits for answers."""
    assert load.concurrency(load.closed(8)) == 8
    assert load.concurrency(load.constant(5)) is None
    assert load.concurrency(load.replayed(TRACE, 1.0)) is None


def test_a_load_that_changes_by_design_is_not_steady() -> None:
    """A trend of its latencies says nothing."""
    assert load.is_steady(load.poisson(5))
    assert not load.is_steady(load.ramp(1, 5, "10s"))
