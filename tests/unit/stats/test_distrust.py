"""When a measurement is not judged, and what its reader is told."""

import pytest

import nouns
from pytest_llm_latency.model import Worker
from pytest_llm_latency.stats.distrust import distrusted, skewed, strained

TTFT = nouns.summaries(nouns.run([0.4] * 60))  # e2e is 1.34 s, the longest stall 0.235 s
GATE = ("ttft", "e2e")


@pytest.mark.parametrize(
    ("figures", "codes"),
    [
        ({"send_lag_p99_s": 0.1, "loop_lag_p99_s": 0.2}, []),
        ({"send_lag_p99_s": 0.11}, ["client_overloaded"]),
        ({"loop_lag_p99_s": 0.21}, ["event_loop_blocked"]),
        ({"send_lag_p99_s": None, "loop_lag_p99_s": None, "error_p99_s": None}, []),
        ({"error_p99_s": 0.02}, []),
        ({"error_p99_s": 0.0201}, ["stamps_uncertain"]),
        ({"cpu_share": 1.0, "machine_cpu_share": 1.0}, []),
    ],
)
def test_a_client_that_did_not_keep_up_is_not_trusted(figures: dict[str, float | None], codes: list[str]) -> None:
    """When it sent late, its event loop was blocked, or its stamps are wrong by too much; a busy one is judged."""
    assert [each.code for each in distrusted(nouns.trust(**figures), TTFT, GATE, allowed_s=0.01)] == codes


def test_the_reason_names_the_error_the_limit_and_the_remedy() -> None:
    """And how busy the client was."""
    (notice,) = distrusted(nouns.trust(error_p99_s=0.031, cpu_share=0.97), TTFT, GATE, allowed_s=0.01)
    assert notice.message == (
        "the stamps are too uncertain: 1 % of the requests may be wrong by 31.0 ms or more, where 20.0 ms is the limit "
        "beside a time to first token of 400 ms (median); the client used 97 % of a core. Lower the load, or measure "
        "on a machine with more free CPU."
    )


@pytest.mark.parametrize(("gate", "limit_s"), [(("ttft",), 0.02), (("ttft", "max_stall"), 0.01175), (("e2e",), 0.02)])
def test_the_shortest_latency_that_is_judged_sets_the_limit(gate: tuple[str, ...], limit_s: float) -> None:
    """The time to first token counts where it is not gated too; a mean gap spreads the error and does not."""
    assert not distrusted(nouns.trust(error_p99_s=limit_s - 1e-6), TTFT, (*gate, "icl"), allowed_s=0.01)
    assert distrusted(nouns.trust(error_p99_s=limit_s + 1e-6), TTFT, (*gate, "icl"), allowed_s=0.01)


@pytest.mark.parametrize("requests", [4, 60], ids=["too few for a median", "enough"])
def test_a_short_latency_has_an_absolute_limit(requests: int) -> None:
    """5 % of two milliseconds would be what one interruption by another process takes."""
    fast = nouns.summaries(nouns.run([0.002] * requests))
    assert not distrusted(nouns.trust(error_p99_s=0.010), fast, GATE, allowed_s=0.01)
    assert distrusted(nouns.trust(error_p99_s=0.0101), fast, GATE, allowed_s=0.01)


def test_without_one_success_there_is_nothing_to_be_wrong_about() -> None:
    """The errors fail the test by themselves."""
    assert not distrusted(nouns.trust(error_p99_s=1.0), nouns.summaries(nouns.run([None] * 9)), GATE, allowed_s=0.01)


@pytest.mark.parametrize(
    "endpoint", ["localhost:8000", "127.0.0.1:8000", "localhost", "[::1]:8000", "a.org, 127.0.0.2"]
)
def test_a_busy_machine_is_a_warning_where_the_server_runs_on_it(endpoint: str) -> None:
    """It may have answered late, which no stamp of the client shows."""
    here = [nouns.conditions(endpoint=endpoint)]
    assert strained(nouns.trust(machine_cpu_share=0.95), here) == ()
    (notice,) = strained(nouns.trust(machine_cpu_share=0.99), here)
    assert notice.code == "machine_busy"
    assert "99 % busy" in notice.message


@pytest.mark.parametrize("endpoint", ["api.openai.com", "simulator", "gateway:4000", "127-0-0-1.example.org"])
def test_a_busy_machine_is_no_warning_where_the_server_is_elsewhere(endpoint: str) -> None:
    """What it does to the client is in the estimated error; a dry run measures nothing."""
    assert strained(nouns.trust(machine_cpu_share=1.0), [nouns.conditions(endpoint=endpoint)]) == ()


@pytest.mark.parametrize(
    ("skew_s", "error_s", "fails"), [(0.05, None, False), (-0.051, None, True), (0.07, 0.02, False)]
)
def test_workers_must_begin_together(skew_s: float, error_s: float | None, fails: bool) -> None:  # noqa: FBT001  (a case)
    """Within 50 ms, and what their clocks may be wrong by."""
    workers = [
        Worker(id="gw0", host=None, region=None, clock_offset_s=None, clock_error_s=None, start_skew_s=0.001),
        Worker(id="gw1", host=None, region=None, clock_offset_s=0.1, clock_error_s=error_s, start_skew_s=skew_s),
    ]
    found = skewed(workers)
    assert bool(found) == fails
    assert not fails or found[0].message.startswith("the workers did not begin together: gw1 began 51")
