"""Accepting runs: what may become a baseline, and what becomes of the one before."""

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pytest_llm_latency import interleaving, metrics
from pytest_llm_latency.errors import RefusedBaselineError, UsageError
from pytest_llm_latency.model import Past, Run, VerdictStatus
from pytest_llm_latency.plan import STOPPED
from pytest_llm_latency.storage import atomic, baselines, lock
from pytest_llm_latency.storage.lock import Entry, LockedSeries

DEFAULT_KEEP = 5
MOST_PAST = 30  # runs that were accepted before those that are kept, whose levels the history has

Action = Literal["added", "extended", "replaced", "trimmed", "unchanged"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """On what terms runs are accepted: what the lock records, and what is known of the runs.

    ``accepted`` is the date. ``commit`` is ``None`` for the commit that each run was measured at.
    ``verdicts`` has the stored verdict by run id, where there is one, and ``moved`` the ids of the
    runs that are on another level than the baseline. ``keep`` bounds the runs of
    each test. A ``dry_run`` says what would change and writes nothing.
    """

    accepted: str
    reason: str | None
    commit: str | None
    verdicts: Mapping[str, VerdictStatus]
    moved: frozenset[str] = frozenset()
    keep: int = DEFAULT_KEEP
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What became of one test's baseline, with its figures before and after."""

    environment: str
    test_id: str
    action: Action
    runs_before: int
    runs_after: int
    before: tuple[LockedSeries, ...]
    after: tuple[LockedSeries, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Edit:
    """A change with what it writes: the runs as a file, and the entry that vouches for it.

    ``gone`` are runs that are kept no longer; their levels go into the history, after those of the ``past``.
    """

    change: Change
    runs: tuple[Run, ...]
    past: tuple[Past, ...]
    gone: tuple[Run, ...]
    entry: Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class _Before:
    """One test's baseline as it is stored; ``entry`` is ``None`` where there is none."""

    environment: str
    test_id: str
    entry: Entry | None
    runs: tuple[Run, ...]
    past: tuple[Past, ...]


def accept(folder: Path, runs: Sequence[Run], terms: Acceptance) -> tuple[Change, ...]:
    """Make the runs baselines of their tests, each in its own environment; other tests stay as they are.

    A run that is stored already counts once. A run whose conditions differ from the stored ones
    replaces them, and so does one that got slower or faster: runs of two levels in one baseline
    would look like noise, and hide the next change. Raises ``RefusedBaselineError`` before
    anything is written when one of the runs must not become a baseline.
    """
    _check_keep(terms.keep)
    _refuse(runs, terms.verdicts)
    grouped: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        grouped.setdefault((run.environment.label, run.test_id), []).append(run)
    edits = [_accepted(_before(folder, *where), new, terms) for where, new in grouped.items()]
    if not terms.dry_run:
        _store(folder, edits)
    return tuple(edit.change for edit in edits)


def trim(
    folder: Path, environment: str, test_ids: Collection[str], *, keep: int, dry_run: bool = False
) -> tuple[Change, ...]:
    """Keep the last ``keep`` accepted runs of these tests and return the tests that had more."""
    _check_keep(keep)
    known = baselines.locked(folder, environment)
    found = [(known[test_id], _before(folder, environment, test_id)) for test_id in test_ids if test_id in known]
    edits = [_trimmed(each, keep, entry) for entry, each in found if len(each.runs) > keep]
    if not dry_run:
        _store(folder, edits)
    return tuple(edit.change for edit in edits)


def _trimmed(before: _Before, keep: int, entry: Entry) -> _Edit:
    return dataclasses.replace(_edit(before, before.runs[-keep:], entry, "trimmed"), gone=before.runs[:-keep])


def _check_keep(keep: int) -> None:
    if keep < 1:
        raise UsageError(f"the number of runs to keep is {keep}: it must be at least 1.")


def _refuse(runs: Iterable[Run], verdicts: Mapping[str, VerdictStatus]) -> None:
    refused = [f"{run.test_id} ({fault})" for run in runs if (fault := _fault(run, verdicts.get(run.id)))]
    if refused:
        raise RefusedBaselineError(
            f"nothing was accepted, because these runs must not become baselines: {', '.join(refused)}. "
            "Measure them again, or leave them out with -k."
        )


def _fault(run: Run, verdict: VerdictStatus | None) -> str | None:
    if run.plan.ab is not None:
        return f"it was measured {interleaving.told(run.plan)}, so that half of its requests are not the test's own"
    if not run.complete and (fault := _cut_off(run)) is not None:
        return fault
    if verdict == "invalid":
        return "its verdict is invalid: the measuring cannot be trusted"
    if not any(sample.status == "ok" for step in metrics.steps(run) for sample in metrics.measured(run, step)):
        return "no request of it succeeded"
    if not any(text.startswith("error_rate") for text in run.plan.limits):  # else the user allows what failed
        from pytest_llm_latency.limits import check_error_limit  # noqa: PLC0415  (NumPy is slow to import)

        exceeded = check_error_limit(run, run.plan.error_limit)
        return None if exceeded is None else exceeded.message
    return None


def _cut_off(run: Run) -> str | None:
    """Say why an incomplete run is none to compare with; one that a budget ended may have enough for a p95."""
    from pytest_llm_latency.stats import needed_for  # noqa: PLC0415  (NumPy is slow to import)

    measured = len({sample.iteration for step in metrics.steps(run) for sample in metrics.measured(run, step)})
    if not any(each.code in STOPPED for each in run.warnings):
        return "its measuring was cut off"
    if measured < needed_for(0.95):
        return f"it was stopped after {measured} of {run.plan.requests} iterations, too few for a p95"
    return None


def _before(folder: Path, environment: str, test_id: str) -> _Before:
    entry = baselines.locked(folder, environment).get(lock.readable(test_id))
    runs = baselines.stored(baselines.place(folder, environment, test_id), entry)
    past = baselines.past(folder, environment, test_id) if runs else ()
    return _Before(environment=environment, test_id=test_id, entry=entry, runs=runs, past=past)


def _accepted(before: _Before, new: Sequence[Run], terms: Acceptance) -> _Edit:
    merged, notes = _merged(before.runs, new, terms.moved)
    kept = tuple(merged[-terms.keep :])
    if before.entry is not None and [run.id for run in kept] == [run.id for run in before.runs]:
        return _edit(before, before.runs, before.entry, "unchanged")
    described = Entry(
        test_id=lock.readable(before.test_id),
        sha256="",
        runs=0,
        accepted=terms.accepted,
        commit=terms.commit or new[-1].environment.commit,
        reason=terms.reason,
        series=(),
    )
    remains = {run.id for run in before.runs} & {run.id for run in kept}
    action: Action = "added" if not before.runs else "extended" if remains else "replaced"
    remaining = {run.id for run in kept}
    gone = {run.id: run for run in (*before.runs, *new) if run.id not in remaining}
    return dataclasses.replace(_edit(before, kept, described, action, notes), gone=tuple(gone.values()))


def _merged(stored: Sequence[Run], new: Sequence[Run], moved: frozenset[str]) -> tuple[list[Run], tuple[str, ...]]:
    from pytest_llm_latency.stats.comparable import REMEDY, differences  # noqa: PLC0415  (NumPy is slow to import)

    merged, notes = list(stored), []
    for run in new:
        if any(run.id == each.id for each in merged):
            continue
        # All of them: what is unknown of one run is no difference, and may hide one between two others.
        differing = dict.fromkeys(
            sentence.removesuffix(f": {REMEDY}")
            for each in merged
            for sentence in differences(each.conditions, run.conditions)
        )
        if differing:
            notes.append(f"the runs before were measured with something else: {'; '.join(differing)}")
            merged.clear()
        elif merged and run.id in moved:
            notes.append("the runs before were on another level: this run is slower or faster than they were")
            merged.clear()
        merged.append(run)
    return merged, tuple(notes)


def _edit(
    before: _Before, kept: tuple[Run, ...], described: Entry, action: Action, notes: tuple[str, ...] = ()
) -> _Edit:
    from pytest_llm_latency.storage import figures  # noqa: PLC0415  (NumPy is slow to import)

    earlier = () if before.entry is None else before.entry.series
    series = earlier if action == "unchanged" else figures.pooled(kept)
    change = Change(
        environment=before.environment,
        test_id=before.test_id,
        action=action,
        runs_before=len(before.runs),
        runs_after=len(kept),
        before=earlier,
        after=series,
        notes=notes,
    )
    described = dataclasses.replace(described, runs=len(kept), series=series)
    return _Edit(change=change, runs=kept, past=before.past, gone=(), entry=described)


def _past(edit: _Edit) -> tuple[Past, ...]:
    """Return the history of a baseline after an edit, each run of it once."""
    from pytest_llm_latency.stats import history  # noqa: PLC0415  (NumPy is slow to import)

    told = {each.id: each for each in edit.past} | {run.id: history.digest(run) for run in edit.gone}
    kept = {run.id for run in edit.runs}
    return tuple(each for each in told.values() if each.id not in kept)[-MOST_PAST:]


def _without_answers(run: Run) -> Run:
    """Return a run without the texts of its answers: baselines lie in version control."""
    samples = tuple(dataclasses.replace(each, text=None) for each in run.samples)
    return dataclasses.replace(run, plan=dataclasses.replace(run.plan, keep_answers=False), samples=samples)


def _store(folder: Path, edits: Sequence[_Edit]) -> None:
    from pytest_llm_latency.storage import samples  # noqa: PLC0415  (pyarrow is slow to import)

    contents: dict[Path, bytes] = {}
    changed: dict[str, dict[str, Entry]] = {}
    for edit in edits:
        if edit.change.action == "unchanged":
            continue
        environment = edit.change.environment
        data = samples.encode([_without_answers(each) for each in edit.runs], _past(edit))
        contents[baselines.place(folder, environment, edit.change.test_id)] = data
        entry = dataclasses.replace(edit.entry, sha256=baselines.digest(data))
        changed.setdefault(environment, {})[entry.test_id] = entry
    # Every Parquet file before any lock: a crash in between leaves files whose hashes the lock does
    # not know, which ``find`` refuses with a remedy. A lock first could vouch for a file to come.
    for environment, own in changed.items():
        entries = {**baselines.locked(folder, environment), **own}
        contents[baselines.lock_path(folder, environment)] = lock.render(entries.values()).encode()
        atomic.check_writable(folder / environment)
    atomic.replace_all(contents)
