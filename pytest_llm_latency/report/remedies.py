"""What a report says to do about a verdict, and the command that does it."""

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pytest_llm_latency import load
from pytest_llm_latency.metrics import ERROR_RATE
from pytest_llm_latency.model import ELSEWHERE, Result, VerdictStatus

# A sentence that ends with a colon is followed by the command that accepts the run.
_ADVICE: Mapping[VerdictStatus, str] = MappingProxyType({
    "regressed": "Find what changed. If the new latency is meant to stay, accept it without measuring again:",
    "no_baseline": "If this run is good, make it the baseline:",
    "incomparable": "If the difference is meant to stay, make this run the baseline:",
    "invalid": "Remove the cause and measure again; an invalid run cannot become a baseline.",
})

# The file of a profile that is written nowhere yet, and what its advice says in place of the above.
UNWRITTEN = "RUN.parquet"
_UNWRITTEN_ADVICE: Mapping[VerdictStatus, str] = MappingProxyType({
    "regressed": f"Find what changed. If the new latency is meant to stay, write a run to {UNWRITTEN} and accept it:",
    "no_baseline": f"If this run is good, write one to {UNWRITTEN} and make it the baseline:",
    "incomparable": f"If the difference is meant to stay, write a run to {UNWRITTEN} and make it the baseline:",
})

# What to do about a run with two sides, which becomes no baseline.
_OF_SIDES: Mapping[VerdictStatus, str] = MappingProxyType({
    "regressed": "The test's own side is slower than {ab} is now. Find out why, or keep {ab}.",
    "incomparable": "Let the body ask both sides the same, and measure again.",
    "invalid": "Remove the cause and measure again.",
})

# What to do about results of another system, which become no baseline here.
_OF_RESULTS: Mapping[VerdictStatus, str] = MappingProxyType({
    "regressed": "Find what changed. If the new latency is meant to stay, compare with this file from now on.",
    "no_baseline": "If these results are good, compare with this file from now on.",
    "incomparable": "If the difference is meant to stay, compare with this file from now on.",
})


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What to do next, and the command that does it."""

    sentence: str
    command: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """An advice that several tests get: the command of the first of them, and how many more have one of their own."""

    sentence: str
    command: str
    more: int


def shared(results: Iterable[Result]) -> tuple[Shared, ...]:
    """Return each advice with a command that more than one of the tests get, to be told once."""
    commands: dict[str, list[str]] = {}
    for result in results:
        found = advice(result, command=accept_command(result))
        if found is not None and found.command is not None:
            commands.setdefault(found.sentence, []).append(found.command)
    return tuple(
        Shared(sentence=sentence, command=own[0], more=len(own) - 1)
        for sentence, own in commands.items()
        if len(own) > 1
    )


def accept_command(result: Result) -> str:
    """Return the command that makes the last run the baseline of a test."""
    return f"{accept_all_command(result)} --test {shlex.quote(result.test_id)}"


def accept_all_command(result: Result) -> str:
    """Return the command that makes the last run the baseline of all tests that it measured."""
    folders = "".join(f" --{option} {shlex.quote(folder)}" for option, folder in sorted(result.folders.items()))
    return f"llm-latency baseline accept{folders}"


def advice(result: Result, *, command: str) -> Advice | None:
    """Say what to do about a verdict, or ``None`` where nothing is to be done."""
    if result.accepting and not result.fails:
        return None if result.status == "pass" else Advice(sentence="This run becomes the baseline.")
    if any(each.limit.startswith(ERROR_RATE) and each.status == "regressed" for each in result.limits):
        return Advice(sentence="Repair what fails first: a run with these errors cannot become a baseline.")
    slower = [each.metric for each in result.comparisons if each.verdict.status == "regressed"]
    if result.status == "regressed" and not {*slower} - {ERROR_RATE}:
        return Advice(sentence="Find what made it slower or less reliable; a limit that is wrong stands in the marker.")
    if result.status == "inconclusive":
        more = _more_requests(result)
        return None if more is None else Advice(sentence=more)
    if result.plan.ab is not None or result.environment.label == ELSEWHERE:
        told = (_OF_RESULTS if result.plan.ab is None else _OF_SIDES).get(result.status)
        return None if told is None else Advice(sentence=told.format(ab=result.plan.ab))
    sentence = _ADVICE.get(result.status)
    if result.folders.get("run") == UNWRITTEN:
        sentence = _UNWRITTEN_ADVICE.get(result.status, sentence)
    return None if sentence is None else Advice(sentence=sentence, command=command if sentence.endswith(":") else None)


def _more_requests(result: Result) -> str | None:
    needed = max((each.verdict.needed or 0 for each in result.comparisons), default=0)
    if needed <= result.plan.requests:
        return None  # the reasons say what would
    if load.total(result.plan.load) is not None:
        return f"Make the load longer, from {result.plan.requests} requests to about {needed}, to settle it."
    return f"Raise requests from {result.plan.requests} to about {needed} in the marker to settle it."
