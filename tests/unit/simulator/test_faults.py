"""Faults strike a share of the requests, or every nth, of the models that their pattern matches."""

import pytest

from pytest_llm_latency.simulator.faults import (
    EVERY_FAULT,
    HTTP_KINDS,
    KINDS,
    POINTED_KINDS,
    POINTS,
    Fault,
    of_connections,
    of_requests,
    striking,
)


def struck(fault: Fault, count: int, *, model: str = "m", seed: int = 0) -> list[int]:
    """Return which of the first requests for a model a fault strikes."""
    return [each for each in range(count) if striking((fault,), seed=seed, model=model, ordinal=each) is fault]


def test_every_third_request_is_the_third_and_the_sixth() -> None:
    """Requests count from 1."""
    assert struck(Fault(kind="stall", every=3), 9) == [2, 5, 8]


def test_a_share_strikes_about_that_share_and_the_same_requests_each_time() -> None:
    """The share is drawn from the seed."""
    fault = Fault(kind="stall", share=0.2)
    assert len(struck(fault, 1000)) == pytest.approx(200, abs=40)
    assert struck(fault, 100) == struck(fault, 100)
    assert struck(fault, 100) != struck(fault, 100, seed=1)


@pytest.mark.parametrize(("share", "count"), [(0.0, 0), (1.0, 20)])
def test_a_share_of_nothing_or_all_strikes_none_or_all(share: float, count: int) -> None:
    """The ends are exact."""
    assert len(struck(Fault(kind="stall", share=share), 20)) == count


def test_a_fault_leaves_other_models_alone() -> None:
    """The pattern is that of the model's name."""
    fault = Fault(kind="stall", model="gpt-*", every=1)
    assert struck(fault, 3, model="gpt-4o") == [0, 1, 2]
    assert struck(fault, 3, model="claude") == []


def test_the_first_fault_that_strikes_counts() -> None:
    """Two faults of one request do not add up."""
    second, both = Fault(kind="stall", every=2), Fault(kind="rate_limit", every=1)
    found = [striking((second, both), seed=0, model="m", ordinal=each) for each in range(2)]
    assert found == [both, second]


def test_two_faults_of_the_same_share_strike_different_requests() -> None:
    """Each fault has a draw of its own."""
    none, some = Fault(kind="stall", model="x", share=0.3), Fault(kind="stall", share=0.3)
    alone = struck(some, 200)
    beside = [each for each in range(200) if striking((none, some), seed=0, model="m", ordinal=each) is some]
    assert alone != beside


def test_every_kind_is_described() -> None:
    """The descriptions are what help and docs print."""
    assert all((KINDS | HTTP_KINDS | POINTED_KINDS | POINTS).values())


def test_the_table_of_every_fault_has_each_kind_and_each_point() -> None:
    """Nothing twice; a stall has a place of its own besides."""
    assert len(set(EVERY_FAULT)) == len(EVERY_FAULT) == len(KINDS) + len(HTTP_KINDS) + len(POINTED_KINDS) * len(POINTS)
    assert {("stall", None), ("stall", "connect"), ("reset", "before_end")} <= set(EVERY_FAULT)
    assert ("reset", None) not in EVERY_FAULT


def test_faults_of_connections_are_no_faults_of_requests() -> None:
    """No model is known when a connection is made."""
    early, late = Fault(kind="reset", point="connect", model="a", every=1), Fault(kind="stall", model="a", every=1)
    assert of_requests((early, late)) == (late,)
    assert of_connections((early, late)) == (Fault(kind="reset", point="connect", model="*", every=1),)


def test_a_fault_is_named_with_its_point() -> None:
    """As the truth about a request tells it."""
    assert Fault(kind="stall", every=1).name == "stall"
    assert Fault(kind="stall", point="in_headers", every=1).name == "stall at in_headers"
