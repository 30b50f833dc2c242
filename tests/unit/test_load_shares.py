"""Shares of a load: dealt out whole, evenly, and each at its own moment."""

import pytest

from pytest_llm_latency import load
from pytest_llm_latency.load import Share
from pytest_llm_latency.model import Load


def dealt(shape: Load, count: int, workers: int, block: int = 1) -> list[tuple[int, ...]]:
    """Return the positions that each of so many workers runs."""
    schedule = load.schedule(shape, count)
    return [load.positions(schedule, Share(position=each, count=workers), block) for each in range(workers)]


@pytest.mark.parametrize("shape", [load.closed(32), load.closed(2), load.constant("20/s"), load.poisson("9/s", 7)])
@pytest.mark.parametrize("count", [3, 400, 401])
@pytest.mark.parametrize("workers", [1, 2, 4, 7])
def test_every_iteration_is_run_once(shape: Load, count: int, workers: int) -> None:
    """Whatever the remainders are."""
    parts = dealt(shape, count, workers)
    assert sorted(position for part in parts for position in part) == list(range(count))


def test_a_load_is_divided_as_the_marker_names_it() -> None:
    """400 requests of 32 users by four workers are 100 by 8 each."""
    schedule = load.schedule(load.closed(32), 400)
    assert [len(part) for part in dealt(load.closed(32), 400, 4)] == [100] * 4
    assert [load.users(schedule, Share(position=each, count=4)) for each in range(4)] == [8] * 4
    assert [len(part) for part in dealt(load.closed(32), 401, 4)] == [101, 100, 100, 100]


def test_users_that_cannot_be_divided_evenly_get_their_requests_all_the_same() -> None:
    """A worker with fewer users has fewer requests, so that all end together; one without users has none."""
    shape = load.closed(6)
    schedule = load.schedule(shape, 60)
    assert [load.users(schedule, Share(position=each, count=4)) for each in range(4)] == [2, 2, 1, 1]
    assert [len(part) for part in dealt(shape, 60, 4)] == [20, 20, 10, 10]
    assert [len(part) for part in dealt(load.closed(2), 10, 4)] == [5, 5, 0, 0]


def test_an_open_load_has_no_users_and_each_worker_a_part_of_its_rate() -> None:
    """The moments stay those of the one schedule."""
    assert load.users(load.schedule(load.constant("20/s"), 8), Share(position=1, count=4)) is None
    assert dealt(load.constant("20/s"), 8, 4) == [(0, 4), (1, 5), (2, 6), (3, 7)]


def test_what_belongs_together_stays_with_one_worker() -> None:
    """Blocks of four are dealt out whole."""
    assert dealt(load.constant("20/s"), 10, 2, block=4) == [(0, 1, 2, 3, 8, 9), (4, 5, 6, 7)]
