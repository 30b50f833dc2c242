"""Two sides in one run: which iteration asks which, what both are given, and the run of each.

What stands in for the baseline (A) and what the test itself asks (B) take turns in blocks of ABBA,
so that whatever rises or falls while a block is measured is the same for both of its sides.
"""

import re
from dataclasses import replace
from types import MappingProxyType
from urllib.parse import urlsplit

from pytest_llm_latency.errors import MarkerError
from pytest_llm_latency.model import Conditions, Plan, Run, Side

BASELINE: Side = "baseline"
CANDIDATE: Side = "candidate"
ORDER: tuple[Side, ...] = (BASELINE, CANDIDATE, CANDIDATE, BASELINE)
_BLOCK = len(ORDER)
_PAIR = 2
# A name with a domain or a port in it, and what may follow: no model is named so.
_BARE_ADDRESS = re.compile(r"(localhost|[\w-]+(\.[\w-]+)*\.[a-z]{2,}|[\d.]+|[\w.-]+(?=:\d{2,5}\b))(:\d+)?(/.*)?")
# What the two sides of a run must share, in words; model, provider and endpoint differ on purpose.
_SHARED = MappingProxyType({
    "prompts": "prompts",
    "parameters": "parameters",
    "stream": "stream mode",
    "load": "load",
    "definitions": "definitions",
})


def check(name: str) -> str:
    """Return the model or the base URL that is to be measured beside a test; raise ``MarkerError`` for neither."""
    if not is_address(name):
        if _BARE_ADDRESS.fullmatch(name):
            raise MarkerError(f"ab is {name!r}, which looks like an address without its scheme: write 'http://{name}'.")
        return name
    parts = urlsplit(name)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise MarkerError(f"ab is {name!r}: a base URL begins with http:// or https:// and a host.")
    if parts.username is not None or parts.query:
        raise MarkerError(
            "ab is a base URL that holds a user's name, a password or a query, which reports would show: leave them "
            "out, and give the key as the provider's own variable."
        )
    return name


def is_address(name: str) -> bool:
    """Say whether ``ab`` is a base URL and no model."""
    return "://" in name


def iterations(plan: Plan) -> Plan:
    """Return the plan with the iterations of both sides together in place of those of each."""
    if plan.ab is None:
        return plan
    both = {name: 2 * getattr(plan, name) for name in ("warmup", "ramp_in", "requests")}
    return replace(plan, **both)


def block(plan: Plan) -> int:
    """Return how many iterations, one after another, belong together: one worker has all of them."""
    return 1 if plan.ab is None else _BLOCK


def side(plan: Plan, iteration: int) -> Side | None:
    """Return which side an iteration asks, ``None`` where the run has one."""
    return None if plan.ab is None else ORDER[(iteration - iterations(plan).warmup) % _BLOCK]


def place(plan: Plan, iteration: int) -> int:
    """Return the place of an iteration's prompt in its source, from the end of the warm-up: both of a pair have one."""
    counted = iteration - iterations(plan).warmup
    return counted if plan.ab is None else counted // _PAIR


def split(run: Run) -> tuple[Run, Run]:
    """Return the run of what stands in for the baseline, and that of the test itself."""
    return _of(run, BASELINE), _of(run, CANDIDATE)


def own(run: Run) -> Run:
    """Return what a run measured of the test itself: all of it, where it has one side."""
    return run if run.plan.ab is None else _of(run, CANDIDATE)


def _of(run: Run, chosen: Side) -> Run:
    return replace(
        run,
        samples=tuple(sample for sample in run.samples if sample.side == chosen),
        iteration_failures=tuple(each for each in run.iteration_failures if side(run.plan, each[0]) == chosen),
        conditions=tuple(replace(each, side=None) for each in run.conditions if each.side == chosen),
    )


def differences(run: Run) -> tuple[str, ...]:
    """Return a sentence for each condition that the body made different between the sides; the last has the remedy."""
    before, now = ({each.step: each for each in half.conditions} for half in split(run))
    sentences = [sentence for step in now if step in before for sentence in _differing(step, before[step], now[step])]
    alone = [step for step in dict.fromkeys((*before, *now)) if step not in before or step not in now]
    sentences += [f"{_named(step)} was asked of one side alone" for step in alone]
    if not before or not now or not sentences:
        return ()
    return (*sentences[:-1], f"{sentences[-1]}: let the body ask both sides the same, as both run it by turns.")


def _differing(step: str | None, before: Conditions, now: Conditions) -> list[str]:
    return [
        f"{_named(step)}: the {words} of the two sides differ"
        for field, words in _SHARED.items()
        if getattr(before, field) != getattr(now, field)
    ]


def _named(step: str | None) -> str:
    return "the step without a name" if step is None else f"step {step!r}"


def is_calibration(run: Run) -> bool:
    """Say whether both sides were the same model at the same endpoint, so that no difference can be theirs."""
    asked = [{(each.step, each.model, each.endpoint, each.provider) for each in half.conditions} for half in split(run)]
    return bool(asked[0]) and asked[0] == asked[1]


def told(plan: Plan) -> str:
    """Say what a plan's test is measured beside."""
    return f"against {plan.ab}, interleaved"
