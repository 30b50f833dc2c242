"""The accounts of shared limits, on moments that the tests name."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from pytest_llm_latency.execution.sharing.ledger import Ledger
from pytest_llm_latency.execution.sharing.messages import Grant, Hold, Idle, Lane, Returned, Settled, Stop, Want
from pytest_llm_latency.plan import DEFAULT_BUDGET, DEFAULT_PACING
from pytest_llm_latency.units import nanoseconds, seconds


class Office:
    """A ledger with workers that ask it, and what each of them was told."""

    def __init__(self, *, workers: int = 2, budget: Mapping[str, Any] | None = None, **pacing: Any) -> None:
        self.ledger = Ledger(replace(DEFAULT_BUDGET, **(budget or {})), workers)
        self.lane = Lane(benchmark="test", key="model", pacing=replace(DEFAULT_PACING, **pacing), budget=DEFAULT_BUDGET)
        self.given: list[tuple[float, str, int]] = []
        self.said: list[tuple[str, Any]] = []

    def want(self, worker: str, waiting: int = 1, *, at_s: float = 0.0, **changes: Any) -> None:
        """Let a worker ask for leave."""
        values = Want(number=7, lane=self.lane, waiting=waiting, ahead=0, tokens=0.0)
        self.ledger.want(worker, replace(values, **changes), nanoseconds(at_s))
        self.advance(at_s)

    def advance(self, at_s: float) -> None:
        """Note what is given and said at a moment."""
        for worker, told in self.ledger.advance(nanoseconds(at_s)):
            if isinstance(told, Grant):
                assert told.number == 7
                self.given += [(at_s, worker, request) for request in told.requests]
            else:
                self.said.append((worker, told))

    def run(self, until_s: float) -> None:
        """Ask again whenever it is due."""
        while self.ledger.due_ns is not None and self.ledger.due_ns <= nanoseconds(until_s):
            self.advance(seconds(self.ledger.due_ns))

    def settle(self, worker: str, *, at_s: float = 0.0, **changes: Any) -> None:
        """Let the oldest request of a worker be answered."""
        number = next(number for _, name, number in self.given if name == worker)
        self.given = [each for each in self.given if each[2] != number]
        values = Settled(request=number, http_status=200, headers=(), age_s=0.0, tokens=None, dollars=None, idle=0)
        self.ledger.settle(worker, replace(values, **changes), nanoseconds(at_s))
        self.advance(at_s)

    @property
    def times(self) -> list[tuple[float, str]]:
        """When which worker was let go."""
        return [(round(at_s, 3), worker) for at_s, worker, _ in self.given]

    @property
    def stops(self) -> list[tuple[str, str]]:
        """Who was stopped, and by what."""
        return [(worker, told.notice.message) for worker, told in self.said if isinstance(told, Stop)]


def test_a_rate_holds_for_the_sum_of_all_workers_in_the_order_of_their_requests() -> None:
    """One a second, whoever sends it."""
    office = Office(requests_per_minute=60)
    office.want("gw0", 2)
    office.want("gw1", 1)
    office.want("gw0", 1)
    office.run(until_s=10)
    assert office.times == [(0, "gw0"), (1, "gw0"), (2, "gw1"), (3, "gw0")]


def test_a_rate_of_tokens_is_corrected_by_what_was_used() -> None:
    """Six hundred a minute: a request that used less than it might have lets the next one go earlier."""
    office = Office(tokens_per_minute=600)
    office.want("gw0", 1, tokens=20.0)
    office.settle("gw0", tokens=10.0)
    office.want("gw1", 2, tokens=20.0, at_s=0.0)
    office.run(until_s=10)
    assert office.times == [(1, "gw1"), (3, "gw1")]


def test_no_more_are_under_way_than_a_bound_that_all_share() -> None:
    """The next goes when one has come back, to whoever asked first."""
    office = Office(max_concurrency=2)
    office.want("gw0", 3)
    office.want("gw1", 1)
    assert office.times == [(0, "gw0"), (0, "gw0")]
    office.settle("gw0", at_s=1)
    office.settle("gw0", at_s=2)
    assert office.times == [(1, "gw0"), (2, "gw1")]


def test_a_budget_of_requests_is_used_up_to_the_last_one() -> None:
    """Who asks after that is told why not."""
    office = Office(budget={"requests": 5})
    for _ in range(4):
        office.want("gw0")
        office.want("gw1")
    assert len(office.given) == 5
    assert [worker for worker, _ in office.stops] == ["gw1", "gw0", "gw1"]
    assert "the session's budget of 5 requests allows no further request" in office.stops[0][1]
    assert office.ledger.exceeded(0) is not None


def test_a_budget_of_dollars_waits_for_what_the_first_request_costs() -> None:
    """Then no more go than it is expected to pay for, of all workers together."""
    office = Office(budget={"dollars": 1.0})
    office.want("gw0", 20)
    office.want("gw1", 20)
    assert office.times == [(0, "gw0")]
    office.settle("gw0", tokens=10.0, dollars=0.1)
    assert len(office.given) == 9
    assert {worker for worker, _ in office.stops} == {"gw0", "gw1"}


def test_a_budget_of_seconds_begins_with_the_first_request_of_any_worker() -> None:
    """And ends for all, those who wait for a rate included."""
    office = Office(budget={"seconds": 5.0}, requests_per_minute=30)
    office.want("gw0", 2, at_s=1)
    office.want("gw1", 9, at_s=2)
    office.run(until_s=20)
    assert [at_s for at_s, _ in office.times] == pytest.approx([1, 3, 5])
    assert [worker for worker, _ in office.stops] == ["gw1"]


def test_a_refusal_of_one_worker_holds_all() -> None:
    """As long as the provider asks; who is not counted is told as well."""
    office = Office(requests_per_minute=6000)
    office.want("gw0")
    office.settle("gw0", at_s=0.5, http_status=429, headers=(("retry-after", "3"),))
    assert ("", Hold(key="model", for_s=3.0)) in office.said
    office.want("gw1", at_s=0.6)
    office.run(until_s=10)
    assert office.times == [(3.5, "gw1")]


def test_leave_that_is_asked_for_ahead_comes_after_all_that_wait_and_within_a_part_of_the_burst() -> None:
    """Of a hundred a second ten may go at once, so that each of two workers may keep five."""
    office = Office(requests_per_minute=6000)
    office.want("gw0", 1, ahead=9)
    assert office.times == [(0, "gw0")] * 6
    office.want("gw1", 6)
    office.want("gw0", 0, ahead=1)
    office.run(until_s=1)
    assert office.times[6:] == [(0, "gw1")] * 4 + [(0.01, "gw1"), (0.02, "gw1"), (0.03, "gw0")]


@pytest.mark.parametrize("bound", [{"max_concurrency": 4}, {"requests_per_minute": 60}])
def test_nothing_is_kept_for_later_where_little_is_let_go_at_once(bound: dict[str, int]) -> None:
    """What one worker kept would be lost to the others."""
    office = Office(**bound)
    office.want("gw0", 1, ahead=3)
    office.run(until_s=5)
    assert office.times == [(0, "gw0")]


def test_what_is_kept_is_asked_back_before_a_budget_ends() -> None:
    """So that it is used up by whoever has requests to send."""
    office = Office(budget={"requests": 140}, workers=2)
    office.want("gw1", 1, ahead=16)
    assert len(office.given) == 17
    assert office.said == []
    office.want("gw0", 30)
    assert ("gw1", Idle(number=7, most=0)) in office.said
    kept = tuple(number for _, worker, number in office.given if worker == "gw1")[1:]
    office.ledger.give_back("gw1", Returned(requests=kept), 0)
    office.want("gw0", 200)
    assert len(office.given) - len(kept) == 140


def test_a_dead_worker_leaves_what_it_kept_to_the_others_and_what_it_sent_is_spent() -> None:
    """It had three under way and kept two."""
    office = Office(budget={"requests": 10}, max_concurrency=5)
    office.want("gw0", 6)
    office.settle("gw0", idle=2)
    office.ledger.gone("gw0", 0)
    office.given.clear()
    office.want("gw1", 20)
    assert len(office.given) == 5
    for _ in range(5):
        office.settle("gw1")
    assert office.ledger.exceeded(0) is not None
    assert [worker for worker, _ in office.stops] == ["gw1"]


def test_what_is_not_sent_after_all_comes_back() -> None:
    """Neither the rate nor the budget has lost it."""
    office = Office(requests_per_minute=60, budget={"requests": 2})
    office.want("gw0")
    office.ledger.give_back("gw0", Returned(requests=(1,)), 0)
    office.want("gw1", 3)
    office.run(until_s=9)
    assert [at_s for at_s, worker in office.times if worker == "gw1"] == [0, 1]
    assert len(office.stops) == 1


def test_a_wait_that_is_given_up_leaves_its_turn() -> None:
    """The one behind it moves up."""
    office = Office(requests_per_minute=60)
    office.want("gw0", 2)
    office.want("gw1", 1)
    office.want("gw0", -1)
    office.run(until_s=9)
    assert office.times == [(0, "gw0"), (1, "gw1")]


def test_a_lane_that_was_never_described_is_unknown() -> None:
    """One that was is known by its number."""
    office = Office(requests_per_minute=60)
    office.want("gw0")
    office.want("gw0", lane=None)
    office.run(until_s=5)
    assert office.times == [(0, "gw0"), (1, "gw0")]
    with pytest.raises(LookupError):
        office.want("gw1", lane=None)


def test_a_request_that_was_let_go_for_another_worker_is_refused() -> None:
    """It would be counted twice."""
    office = Office()
    office.want("gw0")
    with pytest.raises(LookupError, match="was not let go for it"):
        office.ledger.give_back("gw1", Returned(requests=(1,)), 0)
