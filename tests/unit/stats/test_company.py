"""What is said beside a regression."""

import dataclasses

import pytest

import nouns
from pytest_llm_latency.model import Comparison, Usage
from pytest_llm_latency.stats.company import described

FIRST = "p95 300 ms → 450 ms"


def compared(metric: str, status: nouns.VerdictStatus, step: str | None = None) -> Comparison:
    """Return a comparison with one reason."""
    return Comparison(step=step, metric=metric, verdict=nouns.verdict(status, reasons=(FIRST,)))


def run(tokens: int) -> nouns.Run:
    """Return a run whose answers are so long."""
    usage = Usage(
        tokens_in=5, tokens_out=tokens, tokens_reasoning=0, tokens_cached=0, tokens_cache_written=0, source="usage"
    )
    whole = nouns.run([0.3] * 20)
    return dataclasses.replace(
        whole, samples=tuple(dataclasses.replace(sample, usage=usage) for sample in whole.samples)
    )


@pytest.mark.parametrize(
    ("tokens", "length"),
    [(101, "output length unchanged"), (310, "output length changed (median 100 → 310 tokens), which may be why")],
)
def test_a_regression_says_what_stood_still_and_how_long_the_answers_are(tokens: int, length: str) -> None:
    """What regressed as well, or is not known, is not said to stand still."""
    before = nouns.summaries(run(100))
    all_ = [compared("ttft", "regressed"), compared("e2e", "pass"), compared("tpot", "inconclusive")]

    found = described(all_, run(tokens), before)

    assert found[0].verdict.reasons == (FIRST, f"e2e unchanged; {length}")
    assert found[1:] == all_[1:]


def test_another_step_is_no_company() -> None:
    """Nor is an error rate; and where nothing is known, nothing is said."""
    all_ = [compared("ttft", "regressed", "plan"), compared("e2e", "pass", "act"), compared("error_rate", "regressed")]

    assert described(all_, run(100), ()) == all_
