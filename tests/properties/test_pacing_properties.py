"""No period has more than its limit, however requests come and whatever they turn out to use."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llm_latency.execution.pacing import Answered, Claim, Pace
from pytest_llm_latency.model import Pacing
from pytest_llm_latency.units import nanoseconds, seconds

SOME = settings(max_examples=60, derandomize=True, deadline=None)

gaps = st.lists(st.floats(min_value=0.0, max_value=20.0), min_size=2, max_size=40)


def paced(gaps_s: list[float], pacing: Pacing, sizes: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Send requests with these gaps between them; return when each went and the tokens that it used."""
    pace, now_ns, arrived_ns, sent = Pace("k", 1.0), 0, 0, []
    for gap_s, (guessed, used) in zip(gaps_s, sizes, strict=True):
        arrived_ns += nanoseconds(gap_s)
        now_ns = max(now_ns, arrived_ns)
        claim = Claim(key="k", tokens=guessed, pacing=pacing, until_ns=None)
        now_ns = max(now_ns, pace.ready_ns(claim, now_ns))
        admission = pace.admit(claim, now_ns, None)
        pace.learn(admission, Answered(http_status=200, headers=(), at_ns=now_ns, tokens=used, dollars=None), now_ns)
        sent.append((seconds(now_ns), used))
    return sent


@SOME
@given(gaps_s=gaps, per_minute=st.floats(min_value=1.0, max_value=6000.0))
def test_no_period_has_more_requests_than_it_allows_and_the_one_that_begins_it(
    gaps_s: list[float], per_minute: float
) -> None:
    """What falls due in a tenth of a second may go at once."""
    pacing = Pacing(requests_per_minute=per_minute, tokens_per_minute=None, max_concurrency=None)
    sent = paced(gaps_s, pacing, [(0.0, 0.0)] * len(gaps_s))
    burst = max(1.0, per_minute / 600)
    for first, last in itertools.combinations(range(len(sent)), 2):
        period_s = sent[last][0] - sent[first][0]
        assert last - first + 1 <= burst + period_s * per_minute / 60 + 1e-6


@SOME
@given(
    gaps_s=gaps,
    per_minute=st.floats(min_value=60.0, max_value=60_000.0),
    sizes=st.lists(st.tuples(st.floats(0, 500), st.floats(0, 500)), min_size=40, max_size=40),
)
def test_no_period_has_more_tokens_than_it_allows_and_one_request(
    gaps_s: list[float], per_minute: float, sizes: list[tuple[float, float]]
) -> None:
    """Whatever was guessed."""
    pacing = Pacing(requests_per_minute=None, tokens_per_minute=per_minute, max_concurrency=None)
    sent = paced(gaps_s, pacing, sizes[: len(gaps_s)])
    burst = max(1.0, per_minute / 600)
    for first, last in itertools.combinations(range(len(sent)), 2):
        before_the_last = sum(used for _, used in sent[first:last])
        assert before_the_last <= burst + (sent[last][0] - sent[first][0]) * per_minute / 60 + 1e-6
