"""Sentences about the history of a test's runs; the statistics are in ``stats/history.py``."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pytest_llm_latency import units
from pytest_llm_latency.metrics import METRICS
from pytest_llm_latency.report import wording

if TYPE_CHECKING:
    from pytest_llm_latency.stats.history import ChangePoint, History


def sentences(histories: "Sequence[History]") -> Iterator[str]:
    """Yield a sentence for each change point, or say for all series why there is none."""
    changed = [(each, point) for each in histories for point in each.changes]
    for history, point in changed:
        yield _sentence(history, point)
    if changed or not histories:
        return
    runs = max(len(each.figures) for each in histories)
    if any(each.enough for each in histories):
        yield f"no change point over {_runs(runs)}"
    else:
        verb = "is" if runs == 1 else "are"
        yield f"{_runs(runs)} {verb} too few to tell change points: it takes {histories[0].needed}"


def _sentence(history: "History", point: "ChangePoint") -> str:
    unit = METRICS[history.metric].unit
    subject = history.metric if history.step is None else f"{history.metric} of step {history.step!r}"
    commit = history.commits[point.run]
    since = f"{history.started_at[point.run]}{'' if commit is None else f' (commit {commit[:12]})'}"
    return (
        f"{subject}: p95 {units.format_value(point.before, unit)} → {units.format_value(point.after, unit)} "
        f"({units.format_change(point.ratio)}) from the run of {since} on, {wording.probability(point.p_value)} "
        f"over {_runs(len(history.figures))}"
    )


def _runs(count: int) -> str:
    return f"{count} run{'' if count == 1 else 's'}"
