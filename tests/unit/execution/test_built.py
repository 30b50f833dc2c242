"""Built requests are kept as long as they are good, and not too many."""

import math

import pytest

from pytest_llm_latency.execution import built
from pytest_llm_latency.execution.built import BuiltRequests
from pytest_llm_latency.execution.exchange import WireRequest
from pytest_llm_latency.execution.routes import Origin, Route

ROUTE = Route(origin=Origin(scheme="https", host="example.org", port=443))


def request(name: str) -> WireRequest:
    """Return a request of this name."""
    return WireRequest(route=ROUTE, endpoint="example.org", head=name.encode(), body=b"")


def test_a_signature_is_not_used_for_longer_than_it_is_good() -> None:
    """Others are for ever."""
    now_s = 100.0
    kept = BuiltRequests(lambda: now_s)
    kept.keep("signed", request("signed"), keeps_s=120.0)
    kept.keep("plain", request("plain"), keeps_s=math.inf)
    now_s = 219.9
    assert kept.find("signed") == request("signed")
    now_s = 220.0
    assert kept.find("signed") is None
    assert kept.find("plain") == request("plain")
    kept.keep("signed", request("again"), keeps_s=120.0)
    assert kept.find("signed") == request("again")
    assert len(kept) == 2


def test_the_oldest_goes_where_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """A prompt of its own for each request must not fill the memory."""
    monkeypatch.setattr(built, "KEPT", 2)
    kept = BuiltRequests()
    for name in "abc":
        kept.keep(name, request(name), keeps_s=math.inf)
    assert [each.head for each in kept] == [b"b", b"c"]
    assert kept.find("a") is None
    kept.clear()
    assert len(kept) == 0
