"""The log keeps the last exchanges and finds them by their numbers."""

import json

from pytest_llm_latency import wire
from pytest_llm_latency.simulator.truth import Exchange, TruthLog


def exchange(request: int, *, kinds: str = "xcx") -> Exchange:
    """Build an exchange."""
    return Exchange(
        request=request,
        protocol="openai",
        model="m",
        ordinal=request,
        stream=True,
        status=200,
        fault=None,
        prompt_tokens=1,
        output_tokens=1,
        arrived_ns=0,
        kinds=kinds,
    )


def full(size: int, *, upto: int) -> TruthLog:
    """Return a log of a size that saw the requests from 1."""
    log = TruthLog(size)
    for request in range(1, upto + 1):
        log.add(exchange(request))
    return log


def test_the_oldest_exchanges_go_first() -> None:
    """Memory is bounded."""
    log = full(3, upto=5)
    assert [each.request for each in log.since(0)] == [3, 4, 5]
    assert log.find(2) is None
    assert log.find(3) is not None


def test_an_exchange_is_found_by_its_number() -> None:
    """Numbers that are not there yet are not found."""
    log = full(10, upto=5)
    found = log.find(4)
    assert found is not None
    assert found.request == 4
    assert log.find(6) is None
    assert log.find(0) is None


def test_since_leaves_out_what_was_seen() -> None:
    """A reader asks for what came after."""
    assert [each.request for each in full(10, upto=5).since(3)] == [4, 5]


def test_an_emptied_log_finds_nothing() -> None:
    """Until the next exchange."""
    log = full(10, upto=5)
    log.clear()
    assert log.find(5) is None
    log.add(exchange(6))
    assert log.find(6) is not None


def test_the_first_generated_piece_is_told_by_its_kind() -> None:
    """Control pieces are none."""
    assert exchange(1, kinds="xxcrtx").first_generated == 2
    assert exchange(1, kinds="xx").first_generated is None


def test_an_exchange_travels_as_json() -> None:
    """What comes out of the server is the same on the other side."""
    sent = exchange(1)
    sent.sent_ns.extend([1, 2**60])
    assert wire.from_builtins(Exchange, json.loads(json.dumps(wire.to_builtins(sent)))) == sent
