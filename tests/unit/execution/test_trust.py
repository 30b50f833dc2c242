"""How well the client kept up."""

import asyncio
import dataclasses
import gc
import time

import nouns
from pytest_llm_latency.execution.trust import Watch, quiet_collector
from pytest_llm_latency.model import Sample, Stamps
from pytest_llm_latency.units import nanoseconds


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


async def test_a_stopped_watch_leaves_no_task() -> None:
    """Stopping again does nothing."""
    watch = Watch()
    watch.stop()
    watch.start()
    watch.stop()
    watch.stop()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


def test_what_is_alive_is_kept_out_of_collections_for_a_while() -> None:
    """And let go of afterwards."""
    before = gc.get_freeze_count()
    with quiet_collector():
        assert gc.get_freeze_count() > before
    assert gc.get_freeze_count() == 0
