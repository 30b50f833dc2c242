"""Two sets of stored runs, test by test: which are compared with which, judged as a session would.

The earlier runs of a test are its accepted runs, and each later one is judged against them.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pytest_llm_latency import interleaving, judge
from pytest_llm_latency.model import Notice, Result, Run
from pytest_llm_latency.stats.comparable import differences


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A run that cannot be trusted, so that nothing is judged against it, and why."""

    run: Run
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trusted:
    """Earlier runs: those that others are judged against, and those that are refused."""

    runs: tuple[Run, ...]
    refused: tuple[Refused, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A run and the earlier runs of its test that it is judged against, oldest first."""

    run: Run
    baseline: tuple[Run, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """What two sides have in common, what only one of them has, and what was left out and why.

    ``spoilt`` are the tests of both sides whose earlier runs are all refused.
    """

    pairs: tuple[Pair, ...]
    only_before: tuple[str, ...]
    only_now: tuple[str, ...]
    spoilt: tuple[str, ...]
    notices: tuple[Notice, ...]


def trusted(runs: Sequence[Run], values: Mapping[str, Any]) -> Trusted:
    """Divide runs by what a session would say of each alone: an invalid one is no baseline, nor one with two sides."""
    policy = judge.session_policy(values, 0, {})
    faults = [_fault(run, policy) for run in runs]
    return Trusted(
        runs=tuple(run for run, fault in zip(runs, faults, strict=True) if fault is None),
        refused=tuple(
            Refused(run=run, reason=fault) for run, fault in zip(runs, faults, strict=True) if fault is not None
        ),
    )


def _fault(run: Run, policy: judge.Policy) -> str | None:
    if run.plan.ab is not None:
        return f"measured {interleaving.told(run.plan)}, it is judged against that alone."
    alone = judge.judge(run, None, policy, None)
    return " ".join(alone.reasons) if alone.status == "invalid" else None


def pair(before: Sequence[Run], now: Sequence[Run], refused: Sequence[Refused] = ()) -> Pairs:
    """Put each later run beside the earlier ones of its test; nothing is left out without a notice.

    A run is never its own baseline. Where some of the earlier runs were measured as the later one
    was, only those count; where none was, all stay, so that the verdict says what differs. A later
    run with two sides stands alone: it is judged against its other one.
    """
    earlier = _by_test(before)
    spoilt = dict.fromkeys(each.run.test_id for each in refused if each.run.test_id not in earlier)
    notices = _refusals(refused)
    found = []
    alone = {run.test_id for run in now if run.plan.ab is not None}
    for run in now:
        if run.plan.ab is None:
            chosen, left_out = _baseline(run, earlier.get(run.test_id, []))
        else:
            chosen, left_out = [], [_alone(run)] if before else []
        found.append(Pair(run=run, baseline=tuple(chosen)))
        notices += left_out
    tests = dict.fromkeys(run.test_id for run in now)
    return Pairs(
        pairs=tuple(found),
        only_before=tuple(test_id for test_id in (*earlier, *spoilt) if test_id not in tests),
        only_now=tuple(test_id for test_id in tests if test_id not in {*earlier, *spoilt, *alone}),
        spoilt=tuple(test_id for test_id in spoilt if test_id in tests and test_id not in alone),
        notices=(*_same_runs(before, now), *dict.fromkeys(notices), *_environments(before, now)),
    )


def _alone(run: Run) -> Notice:
    return Notice(
        code="two_sides",
        message=f"{run.test_id}: measured {interleaving.told(run.plan)}, so that it was judged against that and not "
        "against A.",
    )


def judge_pairs(pairs: Sequence[Pair], values: Mapping[str, Any]) -> tuple[Result, ...]:
    """Return the result of each pair under the options' values, all of them judged as one session."""
    planned = [replace(each, run=_planned(each.run, values)) for each in pairs]
    digests = {_ids(each): judge.digest(each.baseline) for each in planned if each.baseline}
    found = [digests.get(_ids(each)) for each in planned]
    gates = {str(place): each.run.plan.gate for place, each in enumerate(planned)}
    known = {str(place): digest for place, digest in enumerate(found) if digest is not None}
    family = judge.family(known, gates) + judge.interleaved(each.run.plan.compared for each in planned)
    policy = judge.session_policy(values, family, {})
    # Runs that several pairs share tell of the noise between runs once.
    once = {str(_ids(each)): str(place) for place, each in reversed(list(enumerate(planned))) if str(place) in known}
    noise = judge.shared_noise(
        {name: known[place] for name, place in once.items()},
        {name: gates[place] for name, place in once.items()},
        policy.gate,
    )
    results = [judge.judge(each.run, digest, policy, noise) for each, digest in zip(planned, found, strict=True)]
    for place, each in enumerate(planned):
        if judge.undecided([results[place]], policy.gate):
            others = [result for other, result in enumerate(results) if other != place]
            results[place] = judge.judge(each.run, found[place], judge.knowing(policy, others), noise)
    return tuple(results)


def _ids(each: Pair) -> tuple[str, ...]:
    return tuple(run.id for run in each.baseline)


def _planned(run: Run, values: Mapping[str, Any]) -> Run:
    """Return the run with the thresholds that the user states, where any are, instead of its plan's."""
    stated = {"tolerance": values["tolerance"], "error_limit": values["error-limit"]}
    given = {name: value for name, value in stated.items() if value is not None}
    return replace(run, plan=replace(run.plan, **given))


def _by_test(runs: Sequence[Run]) -> dict[str, list[Run]]:
    found: dict[str, list[Run]] = {}
    for run in sorted(runs, key=lambda each: (each.started_at, each.id)):
        found.setdefault(run.test_id, []).append(run)
    return found


def _refusals(refused: Sequence[Refused]) -> list[Notice]:
    """Say once for each test and reason how many runs were refused."""
    counted = Counter((each.run.test_id, each.reason) for each in refused)
    return [
        Notice(
            code="refused",
            message=f"{test_id}: {count} run{'' if count == 1 else 's'} of A cannot be a baseline and "
            f"{'was' if count == 1 else 'were'} left out: {reason}",
        )
        for (test_id, reason), count in counted.items()
    ]


def _baseline(run: Run, earlier: Sequence[Run]) -> tuple[list[Run], list[Notice]]:
    others = [each for each in earlier if each.id != run.id]
    notices = []
    alike = [each for each in others if not differences(each.conditions, run.conditions)]
    if alike and len(alike) < len(others):
        odd = next(each for each in others if each not in alike)
        message = (
            f"{run.test_id}: {len(others) - len(alike)} of {len(others)} runs in A were measured with something else "
            f"and left out: {differences(odd.conditions, run.conditions)[0].partition(': accept')[0]}."
        )
        notices.append(Notice(code="left_out", message=message))
    return alike or others, notices


def _same_runs(before: Sequence[Run], now: Sequence[Run]) -> list[Notice]:
    """Say once how many runs stand on both sides, and of which tests."""
    both = {run.id: run.test_id for run in before if run.id in {each.id for each in now}}
    if not both:
        return []
    it = "1 run is" if len(both) == 1 else f"{len(both)} runs are"
    message = (
        f"{it} in A and in B, so that nothing was compared with itself: {', '.join(dict.fromkeys(both.values()))}. "
        "Name other runs on one of the sides."
    )
    return [Notice(code="same_run", message=message)]


def _environments(before: Sequence[Run], now: Sequence[Run]) -> tuple[Notice, ...]:
    labels = [", ".join(sorted({run.environment.label for run in runs})) for runs in (before, now)]
    if labels[0] == labels[1] or not all(labels):
        return ()
    message = (
        f"A was measured in the environment {labels[0]}, B in {labels[1]}: a difference may be the environment's. "
        "Measure both in one."
    )
    return (Notice(code="environments", message=message),)
