"""From runs to the result of a test: what is compared, what is refused, what fails."""

import dataclasses
from collections.abc import Iterable
from typing import Any, get_args

import pytest

import nouns
from pytest_llm_latency.judge import Policy, Reaction, digest, judge
from pytest_llm_latency.model import WORST_FIRST, Result, Run, VerdictStatus
from pytest_llm_latency.stats import GatePolicy


def policy(**changes: Any) -> Policy:
    """Return a policy that warns where there is no clear answer."""
    values = Policy(gate=GatePolicy(), on_inconclusive="warn", on_no_baseline="warn", accepting=False, folders={})
    return dataclasses.replace(values, **changes)


def run(times: Iterable[float | None], **changes: Any) -> Run:
    """Return a complete run of one request an iteration, judged by its time to first token."""
    return whole(nouns.samples(times), **changes)


def whole(samples: Any, *, gate: tuple[str, ...] = ("ttft",), plan: Any = None, **changes: Any) -> Run:
    """Return a run whose plan asked for as many iterations as the samples have."""
    iterations = len({each.iteration for each in samples if each.phase == "measure"})
    planned = nouns.plan(requests=iterations, warmup=0, gate=gate, error_limit=1.0, **(plan or {}))
    return nouns.run(samples=tuple(samples), plan=planned, **changes)


def judged(candidate: Run, *baseline: Run, by: Policy | None = None) -> Result:
    """Judge a run against its accepted runs."""
    return judge(candidate, digest(baseline), by or policy(), None)


def times(count: int = 100, median: float = 0.3, seed: int = 1) -> list[float]:
    """Return latencies like a provider's."""
    return nouns.lognormal(count, median=median, seed=seed)


def statuses(result: Result) -> dict[tuple[str | None, str], VerdictStatus]:
    """Return the status of each comparison."""
    return {(each.step, each.metric): each.verdict.status for each in result.comparisons}


def test_every_status_has_its_place_in_the_order() -> None:
    """One that is missing would never be found among the parts of a test."""
    assert sorted(WORST_FIRST) == sorted(get_args(VerdictStatus))


@pytest.mark.parametrize(
    ("reaction", "silent", "fails"), [("pass", True, False), ("warn", False, False), ("fail", False, True)]
)
def test_a_status_that_the_policy_passes_over_is_silent(reaction: Reaction, silent: bool, fails: bool) -> None:  # noqa: FBT001  (parametrised)
    """A missing baseline and an undecided comparison have a policy each; a clear answer has none."""
    missing = judged(run(times()), by=policy(on_no_baseline=reaction))
    undecided = judged(run(times(5)), run(times(5)), by=policy(on_inconclusive=reaction))
    clear = judged(run(times()), run(times()), by=policy(on_no_baseline=reaction, on_inconclusive=reaction))

    assert (missing.status, missing.silent, missing.fails) == ("no_baseline", silent, fails)
    assert (undecided.status, undecided.silent, undecided.fails) == ("inconclusive", silent, fails)
    assert (clear.status, clear.silent, clear.fails) == ("pass", False, False)
