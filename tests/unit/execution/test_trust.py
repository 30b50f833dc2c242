"""How well the client kept up."""

import asyncio
import dataclasses
import time
from array import array

import pytest

import nouns
from pytest_llm_latency.execution.trust import Watch
from pytest_llm_latency.model import ClockSource, Sample, Stamps
from pytest_llm_latency.units import nanoseconds

MS = 1_000_000


def sample(lag_s: float, *, new: bool = False, scheduled: bool = False, phase: str = "measure") -> Sample:
    """Return a sample whose client acted late."""
    acted = nanoseconds(lag_s)
    stamps = Stamps(
        started=nanoseconds(0.5) if scheduled else 0,
        scheduled=0 if scheduled else None,
        connect_start=acted if new else None,
        send_start=acted + nanoseconds(3) if new else acted,
    )
    return nouns.sample(0, 0.1, stamps=stamps, phase=phase)


def test_lateness_is_the_clients_own() -> None:
    """From the planned start where there is one, and without the time that a new connection takes."""
    watch = Watch()
    assert watch.trust([sample(0.25)]).send_lag_p99_s == 0.25
    assert watch.trust([sample(0.25, new=True)]).send_lag_p99_s == 0.25
    assert watch.trust([sample(0.75, scheduled=True)]).send_lag_p99_s == 0.75


def test_a_request_that_a_rate_limit_held_back_is_not_late() -> None:
    """The plan was to wait, so that the client is not overloaded."""
    held = dataclasses.replace(sample(0.75, scheduled=True), paced_ns=nanoseconds(0.5))
    assert Watch().trust([held]).send_lag_p99_s == 0.25


def test_the_p99_of_a_hundred_is_the_ninety_ninth() -> None:
    """Of the measured requests alone."""
    samples = [sample(index / 100) for index in range(1, 101)]
    warm = [sample(9.0, phase="warmup")]
    assert Watch().trust([*warm, *samples]).send_lag_p99_s == 0.99


def test_what_was_not_watched_is_absent() -> None:
    """Never 0."""
    trust = Watch().trust([])
    assert (trust.loop_lag_p99_s, trust.loop_lag_max_s, trust.send_lag_p99_s, trust.cpu_share) == (None,) * 4
    assert trust.peak_memory_bytes is not None
    assert trust.peak_memory_bytes > 1_000_000


def test_a_request_that_was_never_sent_has_no_lateness() -> None:
    """The build or the name resolution failed."""
    unsent = nouns.sample(0, None, stamps=Stamps(started=0))
    assert Watch().trust([unsent]).send_lag_p99_s is None


async def test_a_blocked_loop_shows_as_lag() -> None:
    """A block of 60 ms makes a timer of 20 ms at least 40 ms late."""
    watch = Watch()
    watch.start()
    await asyncio.sleep(0)
    time.sleep(0.06)  # noqa: ASYNC251  (blocking the loop is the subject)
    await asyncio.sleep(0.001)
    await asyncio.sleep(0)
    watch.stop()
    trust = watch.trust([])
    assert trust.loop_lag_max_s is not None
    assert trust.loop_lag_max_s >= 0.039
    assert trust.cpu_share is not None
    assert trust.gc_collections is not None
    assert trust.major_faults is not None
    assert trust.event_loop == "asyncio"


async def test_what_happens_while_the_watch_is_stopped_is_nobodys_lag() -> None:
    """Neither is it the CPU time, nor the time, of what is watched before and after."""
    watch = Watch()
    for _ in range(2):
        watch.start()
        await asyncio.sleep(0)
        watch.stop()
        time.sleep(0.06)  # noqa: ASYNC251  (blocking the loop is the subject)
    assert watch._began is not None
    assert watch._ended is not None
    assert watch._ended.wall_s - watch._began.wall_s < 0.06
    assert (watch.trust([]).loop_lag_max_s or 0.0) < 0.04


async def test_a_stopped_watch_leaves_no_task() -> None:
    """Stopping again does nothing."""
    watch = Watch()
    watch.stop()
    watch.start()
    watch.stop()
    watch.stop()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


def answer(*event_ms: int, send_end_ms: int = 0, clock: ClockSource = "kernel", kinds: str | None = None) -> Sample:
    """Return a sample whose deltas arrived at these moments."""
    stamps = Stamps(started=0, send_start=0, send_end=send_end_ms * MS)
    return nouns.sample(
        0,
        0.1,
        stamps=stamps,
        clock=clock,
        event_ns=array("q", [at * MS for at in event_ms]),
        event_kinds=kinds or "c" * len(event_ms),
        event_characters=array("q", [1] * len(event_ms)),
    )


def late_watch() -> Watch:
    """Return a watch that saw its loop 30 ms late."""
    watch = Watch()
    watch._ticks_s, watch._lags_s = [1.0], [0.03]
    return watch


@pytest.mark.parametrize(
    ("sample", "error_s", "why"),
    [
        (answer(100, 120), 0.0, "the kernel's stamp of its own is right however late the loop is"),
        (answer(100, 120, clock="loop"), 0.03, "the loop's stamp is as late as the loop"),
        (answer(100, 100, 120), 0.03, "a stamp that is shared with a later delta is that delta's"),
        (answer(100, 100, kinds="xc"), 0.0, "a control event beside the first delta moves no stamp"),
        (answer(100, 110, send_end_ms=90, clock="loop"), 0.01, "no answer is older than its request"),
        (answer(100, clock="fake"), 0.0, "a clock of a test is what the test says"),
    ],
)
def test_the_error_of_a_stamp_is_bounded_by_what_can_be_wrong_with_it(sample: Sample, error_s: float, why: str) -> None:
    """By the loop's lag where the loop had a part in it, and by the time since the request left."""
    assert late_watch().trust([sample]).error_p99_s == pytest.approx(error_s), why


def test_what_passes_before_sending_is_an_error_of_every_latency() -> None:
    """From the start that latencies count from, and not from the schedule."""
    late = nouns.sample(0, 0.5, stamps=Stamps(scheduled=0, started=50 * MS, send_start=70 * MS))
    trust = Watch().trust([late])
    assert (trust.send_delay_p99_s, trust.send_lag_p99_s, trust.error_p99_s) == (0.02, 0.07, 0.02)


def test_the_shares_are_of_the_answers_with_a_stamp() -> None:
    """A failed request has no first delta."""
    samples = [answer(1, clock="loop"), answer(1, 1), answer(1, 2), nouns.sample(0, None)]
    trust = Watch().trust(samples)
    assert (trust.loop_stamped_share, trust.shared_stamp_share) == (1 / 3, 1 / 3)


def test_a_stamp_is_wrong_by_what_the_loop_was_late_by_just_then() -> None:
    """A rare pause joins the very arrivals that it delays: a lag of another moment says nothing of them."""
    watch = Watch()
    watch._ticks_s, watch._lags_s = [0.1, 0.3, 0.32, 0.5], [0.0, 0.15, 0.0, 0.002]
    joined = {100: 0.0, 200: 0.15, 300: 0.15, 303: 0.15, 310: 0.0, 450: 0.002, 900: 0.0}
    assert {at: watch.trust([answer(at, at)]).error_p99_s for at in joined} == pytest.approx(joined)
    assert watch.trust([answer(200, 200)] * 2 + [answer(500, 600)] * 98).error_p99_s == pytest.approx(0.15)
    assert watch.trust([answer(200, 200)] + [answer(500, 600)] * 99).error_p99_s == 0.0


def test_a_late_loop_delays_what_is_sent_over_a_new_connection() -> None:
    """By no more than the set-up took; a loop that is late at another time does not."""
    watch = Watch()
    watch._ticks_s, watch._lags_s = [0.1, 0.3, 0.5], [0.01, 0.03, 0.05]
    times = {(0, 90): 0.01, (110, 400): 0.08, (295, 296): 0.001, (600, 900): 0.0}
    for (began_ms, sent_ms), error_s in times.items():
        opened = Stamps(started=began_ms * MS, connect_start=began_ms * MS, send_start=sent_ms * MS)
        found = watch.trust([dataclasses.replace(answer(950, 990), stamps=opened)])
        assert found.error_p99_s == pytest.approx(error_s), (began_ms, sent_ms)


def test_a_pause_counts_for_all_that_fell_due_in_it() -> None:
    """One tick of 200 ms stands for the nine that it hid: it lasted for a tenth of these two seconds."""
    watch = Watch()
    watch._lags_s = [0.2] + [0.0] * 90
    trust = watch.trust([])
    assert trust.loop_lag_p99_s == pytest.approx(0.18)
    assert trust.loop_lag_max_s == 0.2


async def test_a_pause_that_ends_with_the_watching_is_seen() -> None:
    """The timer has not run yet when the last answer is read."""
    watch = Watch()
    watch.start()
    await asyncio.sleep(0)
    time.sleep(0.06)  # noqa: ASYNC251  (blocking the loop is the subject)
    watch.stop()
    found = watch.trust([]).loop_lag_max_s
    assert found is not None
    assert found >= 0.039
