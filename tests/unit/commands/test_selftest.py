"""``llm-latency selftest``: what it compares, what it prints, and what it refuses."""

import dataclasses
import gc
import json
from array import array
from types import SimpleNamespace
from typing import Any

import pytest

import nouns
from pytest_llm_latency import cli
from pytest_llm_latency.commands import selftest
from pytest_llm_latency.errors import ProviderError
from pytest_llm_latency.model import Sample
from pytest_llm_latency.simulator.truth import Exchange

MS = 1_000_000


def sample(*event_ms: float, **changes: Any) -> Sample:
    """Return a request that started at 0 with deltas at these moments."""
    stamps = nouns.sample(0, 0.1).stamps
    events = array("q", [round(each * MS) for each in event_ms])
    return nouns.sample(0, 0.1, 0.2, stamps=stamps, event_ns=events, event_kinds="c" * len(events), **changes)


def truth(*sent_ms: float, arrived_ms: float = 0.0) -> Exchange:
    """Return what the server knows: a control event goes before the deltas."""
    sent = [arrived_ms, *sent_ms]
    return Exchange(
        request=1,
        protocol="openai",
        model="gpt-4o-mini",
        ordinal=0,
        stream=True,
        status=200,
        fault=None,
        prompt_tokens=1,
        output_tokens=len(sent_ms),
        arrived_ns=round(arrived_ms * MS),
        kinds="x" + "c" * len(sent_ms),
        sent_ns=array("q", [round(each * MS) for each in sent]),
    )


def test_the_error_is_what_is_measured_less_what_is_true() -> None:
    """Way and waiting of the request count, and so does the way of the answer."""
    found = selftest.compare(
        [(sample(30.5, 51.0, 70.5), truth(30.1, 50.2, 70.2, arrived_ms=0.2))], streams=1, estimate_s=None
    )
    assert found.ttft_s == pytest.approx((0.0006, 0.0006))
    assert found.gap_s == pytest.approx((0.0005, 0.0005))  # gaps are 20.5 and 19.5 and were 20.1 and 20.0
    assert (found.streams, found.requests, found.clocks) == (1, 1, ("fake",))


def test_the_ninety_ninth_percentile_is_that_of_the_requests() -> None:
    """One request of a hundred that is wrong by much shows."""
    pairs = [(sample(10.0 + 5 * (number == 0), 20.0), truth(10.0, 20.0)) for number in range(100)]
    found = selftest.compare(pairs, streams=4, estimate_s=None)
    assert found.ttft_s == pytest.approx((0.0, 0.005))
    assert found.fit_from_s == pytest.approx(0.1)


def test_an_answer_that_a_second_request_fetches_counts_from_the_first() -> None:
    """As Replicate's streams, whose address the first answer names."""
    asked, fetched, other = (
        dataclasses.replace(truth(5.0, arrived_ms=at), request=number, ordinal=ordinal)
        for number, (at, ordinal) in enumerate([(1.0, 0), (2.0, 0), (3.0, 1)], start=1)
    )
    found = selftest._since_asked([asked, fetched, other])
    assert [each.arrived_ns for each in found] == [1 * MS, 1 * MS, 3 * MS]


def test_a_request_that_failed_ends_the_selftest() -> None:
    """A figure of the others would be that of another load."""
    broken = nouns.sample(1, None, failed=nouns.failure("Reset", "connection reset"))
    with pytest.raises(ProviderError, match=r"1 of 2 requests .* failed \(connection reset\): try fewer streams"):
        selftest.compare([(sample(1.0), truth(1.0)), (broken, truth(1.0))], streams=2, estimate_s=None)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--streams", "ten"], "--streams 'ten' is no list of whole numbers: write it as in --streams 1,10,50."),
        (["--streams", "1,0"], "--streams '1,0' is no list"),
        (["--streams", ""], "--streams '' is no list"),
        (["--streams", "5", "--requests", "4"], "--requests 4 is below --streams 5: ask for as many at least."),
        (["--requests", "0", "--streams", "1"], "--requests 0 is below --streams 1"),
    ],
)
def test_a_load_that_makes_no_sense_is_refused(
    capsys: pytest.CaptureFixture[str], argv: list[str], message: str
) -> None:
    """Before a simulator is started."""
    assert cli.main(["selftest", *argv]) == 4
    assert message in capsys.readouterr().err


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the simulator answer within milliseconds."""
    profile = {"ttft": 0.004, "inter_token": 0.001, "output_tokens": 4}
    monkeypatch.setattr(selftest, "SETTINGS", {"profiles": {"*": profile}})


@pytest.mark.usefixtures("_quick")
def test_it_measures_against_a_real_server(capsys: pytest.CaptureFixture[str]) -> None:
    """The errors are those of this machine: small beside the latencies, and never the latencies themselves."""
    assert cli.main(["selftest", "--streams", "1,3", "--requests", "6", "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)
    assert [(each["streams"], each["requests"]) for each in (first, second)] == [(1, 6), (3, 6)]
    assert all(0 < each["ttft_s"][0] <= each["ttft_s"][1] for each in (first, second))
    assert all(each["estimate_s"] > 0 for each in (first, second))
    assert all(each["fit_from_s"] == pytest.approx(20 * each["ttft_s"][1]) for each in (first, second))


def test_the_table_names_the_levels_and_what_they_are_fit_for(capsys: pytest.CaptureFixture[str]) -> None:
    """With a word on stamps that the kernel did not take."""
    found = [
        selftest.Errors(
            streams=1, requests=10, clocks=("kernel",), ttft_s=(0.0001, 0.0002), gap_s=(1e-6, 3e-5), estimate_s=3e-4
        ),
        selftest.Errors(
            streams=50,
            requests=150,
            clocks=("kernel", "loop"),
            ttft_s=(0.001, 0.01),
            gap_s=(1e-5, 1e-3),
            estimate_s=None,
        ),
    ]
    selftest.tables.write(selftest._report(found))
    head, one, fifty, _, *words = capsys.readouterr().out.splitlines()
    assert head.split()[:3] == ["STREAMS", "REQUESTS", "STAMPS"]
    assert " ".join(one.split()) == "1 10 kernel 0.100 ms 0.200 ms 0.001 ms 0.030 ms 0.300 ms ≥ 4.00 ms"
    assert "kernel + loop" in fifty
    assert fifty.endswith("≥ 200 ms")
    assert "kernel stamps need Linux" in words[-1]


def test_what_is_alive_is_out_of_the_collectors_sight_as_in_a_benchmark() -> None:
    """A full collection with litellm loaded would be an error of half a second that no benchmark has."""
    gc.unfreeze()  # the tests keep what they have imported out of it as well
    frozen: list[int] = []

    async def send(_: object) -> None:
        frozen.append(gc.get_freeze_count())
        raise ProviderError("enough")

    simulator: Any = SimpleNamespace(reset=lambda: None)
    client: Any = SimpleNamespace(send=send)
    with pytest.raises(ProviderError, match="enough"):
        selftest.measure(simulator, client, selftest.plan(1, None))
    assert frozen[0] > 0
    assert gc.get_freeze_count() == 0
