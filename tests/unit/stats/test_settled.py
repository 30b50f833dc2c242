"""When an adaptive run needs no more requests."""

from typing import Any

import pytest

import nouns
from pytest_llm_latency.model import Comparison, Result
from pytest_llm_latency.stats.settled import settled

CLEAR = nouns.comparison("ttft")
RED = nouns.comparison("e2e", "regressed")
NOISE_IS_THE_LIMIT = (
    "more requests would not settle e2e, because the noise between runs is the limit. Run it again, or accept more "
    "baseline runs"
)
OPEN = nouns.comparison("e2e", "inconclusive", information=0.7)
NOISY = nouns.comparison("e2e", "inconclusive", information=0.97)


def result(*comparisons: Comparison, **changes: Any) -> Result:
    """Return the result at a look."""
    return nouns.result(
        changes.pop("status", "inconclusive"), comparisons=comparisons, plan=nouns.plan(requests=400), **changes
    )


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (result(CLEAR, nouns.comparison("e2e", "improved")), "the verdict was clear"),
        (result(CLEAR, RED), "e2e regressed"),
        (result(OPEN, RED, nouns.comparison("icl", "inconclusive")), "e2e regressed"),
        (result(CLEAR, NOISY), NOISE_IS_THE_LIMIT),
        (result(nouns.comparison("ttft", "regressed", step="draft")), "draft.ttft regressed"),
        (result(RED, limits=(nouns.limit(status="inconclusive"),)), "e2e regressed"),
    ],
)
def test_a_run_stops_where_no_request_would_change_its_verdict(found: Result, why: str) -> None:
    """With the number of requests that it took."""
    notice = settled(found, 120)
    assert notice is not None
    assert (notice.code, notice.message) == ("settled", f"stopped after 120 of 400 requests: {why}.")


@pytest.mark.parametrize(
    "found",
    [
        result(CLEAR, OPEN),
        result(OPEN, NOISY),
        result(CLEAR, nouns.comparison("e2e", "inconclusive")),
        result(CLEAR, limits=(nouns.limit(status="inconclusive"),)),
        result(CLEAR, limits=(nouns.limit(status="regressed"),)),
        result(CLEAR, nouns.comparison("e2e", "no_baseline")),
        result(CLEAR, RED, status="invalid"),
        result(nouns.comparison("e2e", "no_baseline"), status="incomparable"),
        result(),
    ],
)
def test_a_run_goes_on_while_requests_may_settle_it(found: Result) -> None:
    """A limit that is exceeded by few requests may be kept by many."""
    assert settled(found, 120) is None
