"""The controller's thread: it answers at once, and again when something is due."""

import queue
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from pytest_llm_latency.errors import WireError
from pytest_llm_latency.execution.clock import MonotonicClock
from pytest_llm_latency.execution.sharing.desk import Desk
from pytest_llm_latency.execution.sharing.ledger import Ledger
from pytest_llm_latency.execution.sharing.messages import Hold, Lane, Want
from pytest_llm_latency.plan import DEFAULT_BUDGET, DEFAULT_PACING
from pytest_llm_latency.wire import to_builtins

SOON_S = 10


class Worker:
    """A worker that keeps what it is told."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.told: queue.Queue[tuple[str, Mapping[str, Any]]] = queue.Queue()

    def send(self, kind: str, body: Mapping[str, Any]) -> None:
        """Keep it."""
        self.told.put((kind, body))


def want(waiting: int) -> dict[str, Any]:
    """Return the message of a worker that asks for leave under a rate of a thousand a second."""
    pacing = replace(DEFAULT_PACING, requests_per_minute=600.0)
    lane = Lane(benchmark="test", key="model", pacing=pacing, budget=DEFAULT_BUDGET)
    asked: dict[str, Any] = to_builtins(Want(number=1, lane=lane, waiting=waiting, ahead=0, tokens=0.0))
    return asked


@pytest.fixture
def desk() -> Iterator[Desk]:
    """Yield a desk, and end its thread."""
    one = Desk(Ledger(replace(DEFAULT_BUDGET, requests=4), 2), MonotonicClock())
    yield one
    one.close()


def test_leave_comes_at_once_and_when_it_is_due_without_another_message(desk: Desk) -> None:
    """To the one that asked; what it leaves unused by dying goes to the other."""
    first, second = Worker("gw0"), Worker("gw1")
    desk.came(first)
    desk.came(second)
    desk.take("gw0", "want", want(3))
    granted = [first.told.get(timeout=SOON_S) for _ in range(3)]
    assert [(kind, body["requests"]) for kind, body in granted] == [("grant", [1]), ("grant", [2]), ("grant", [3])]
    desk.take("gw0", "want", want(1))
    desk.take("gw1", "want", want(2))
    assert first.told.get(timeout=SOON_S)[0] == "grant"
    kind, body = second.told.get(timeout=SOON_S)
    assert (kind, body["notice"]["code"]) == ("stop", "budget")
    assert "budget of 4 requests" in desk.fits()["message"]


def test_a_refusal_is_told_to_all_who_are_there(desk: Desk) -> None:
    """Not to one that has gone."""
    first, second = Worker("gw0"), Worker("gw1")
    desk.came(first)
    desk.came(second)
    desk.gone("gw1")
    desk.take("gw0", "refused", to_builtins(Hold(key="model", for_s=2.0)))
    assert first.told.get(timeout=SOON_S) == ("hold", {"key": "model", "for_s": 2.0})
    assert second.told.empty()
    assert desk.fits() == {"message": None}


def test_a_message_that_makes_no_sense_is_an_error_of_its_sender(desk: Desk) -> None:
    """The accounts stay as they were."""
    with pytest.raises(WireError):
        desk.take("gw0", "want", {"number": 1})
    with pytest.raises(LookupError):
        desk.take("gw0", "return", {"requests": [99]})
