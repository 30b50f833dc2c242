"""A run that was measured without pytest: judged as a test's is, and rendered in the formats of a session."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pytest_llm_latency.errors import RefusedBaselineError, UsageError
from pytest_llm_latency.model import Evidence, Result, Run, Session
from pytest_llm_latency.options import stated

if TYPE_CHECKING:
    import pandas as pd

    from pytest_llm_latency.model import Columns
    from pytest_llm_latency.pairs import Trusted


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A run, what is said of it, and the earlier runs that it was judged against.

    ``values`` has the value of each option. The advice to accept the run names a file that is to be written.
    """

    run: Run
    result: Result
    before: tuple[Run, ...]
    values: Mapping[str, Any]


def earlier(name: str, before: Sequence[Run], values: Mapping[str, Any]) -> "Trusted":
    """Return those of the earlier runs that one of this name can be judged against, and those that are refused.

    Runs of another name count where they are all of one benchmark. Raises ``UsageError`` where none is of
    this one, and ``RefusedBaselineError`` where none of them can be trusted.
    """
    from pytest_llm_latency import pairs  # noqa: PLC0415  (the statistics are slow to import)

    names = dict.fromkeys(each.test_id for each in before)
    if name not in names and len(names) > 1:
        raise UsageError(
            f"the earlier runs are of {', '.join(names)}, and none is of {name}: profile under the name of one."
        )
    chosen = [replace(each, test_id=name) for each in before if each.test_id == name or len(names) == 1]
    found = pairs.trusted(chosen, values)
    if chosen and not found.runs:
        reasons = dict.fromkeys(each.reason for each in found.refused)
        raise RefusedBaselineError(f"no earlier run can be judged against: {' '.join(reasons)} Name another one.")
    return found


def judged(run: Run, before: Sequence[Run], values: Mapping[str, Any]) -> Profile:
    """Judge a run against earlier ones, as a session would; without any, only limits, errors and trust count.

    Raises what ``earlier`` does.
    """
    from pytest_llm_latency import pairs  # noqa: PLC0415  (the statistics are slow to import)
    from pytest_llm_latency.report.remedies import UNWRITTEN  # noqa: PLC0415  (it knows the metrics, which are too)

    values = {**values, "accept": False}  # that of a settings file is for tests
    if not before:
        values["on-no-baseline"] = "pass"  # nobody asked for one
    known = earlier(run.test_id, before, values)
    found = pairs.pair(known.runs, [run], known.refused)
    [result] = pairs.judge_pairs(found.pairs, values)
    noted = replace(result, warnings=(*result.warnings, *found.notices), folders={"run": UNWRITTEN})
    return Profile(run=run, result=noted, before=found.pairs[0].baseline, values=values)


def session(profile: Profile) -> Session:
    """Return the run as a session of its own, as reports take it."""
    run = profile.run
    return Session(
        id=run.session_id,
        started_at=run.started_at,
        duration_s=run.duration_s,
        interrupted=False,  # a run that was cut off is invalid and says so
        expected=(run.test_id,),
        results=(profile.result,),
        environment=run.environment,
        settings=stated(profile.values),
        warnings=(),
        problems=(),
    )


def document(profile: Profile) -> bytes:
    """Return the figures and verdicts in the format of ``results.json``."""
    from pytest_llm_latency.metrics import METRICS  # noqa: PLC0415  (only where it is asked for)
    from pytest_llm_latency.report import json_report  # noqa: PLC0415  (the same)

    return json_report.dumps(json_report.document(session(profile), definitions=METRICS)).encode()


def page(profile: Profile) -> bytes:
    """Return the HTML report."""
    from pytest_llm_latency import interleaving  # noqa: PLC0415  (only where it is asked for)
    from pytest_llm_latency.report import html  # noqa: PLC0415  (the same)

    run = profile.run
    *before, own = (*profile.before, run) if run.plan.ab is None else interleaving.split(run)
    *others, read = _columns([*before, own])
    evidence = Evidence(run=read, baseline=tuple(others))
    return html.render(session(profile), {profile.run.test_id: evidence}).encode()


def _columns(runs: Sequence[Run]) -> "tuple[Columns, ...]":
    from pytest_llm_latency.storage import by_column, samples  # noqa: PLC0415  (pyarrow is slow to import)

    return by_column.decode(samples.encode(runs), Path("the run"))


def samples_file(profile: Profile) -> bytes:
    """Return the run with its requests as Parquet: what ``llm-latency compare`` reads, and pandas."""
    from pytest_llm_latency.storage import formats  # noqa: PLC0415  (the same)

    return formats.of_runs([profile.run])


def frame(profile: Profile) -> "pd.DataFrame":
    """Return a row for each request."""
    from pytest_llm_latency.storage import formats  # noqa: PLC0415  (the same)

    return formats.frame([profile.run])


# What a file is, by its ending.
FILES = MappingProxyType({".parquet": samples_file, ".json": document, ".html": page})
