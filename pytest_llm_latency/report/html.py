"""The HTML page: one file that asks for nothing, reads without scripts, and carries its own policy."""

import base64
import functools
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from types import MappingProxyType

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pytest_llm_latency import load, units
from pytest_llm_latency.metrics import DEFINITIONS_VERSION, METRICS
from pytest_llm_latency.model import Evidence, LimitCheck, Result, Session
from pytest_llm_latency.report import charts, details, phases, regions, remedies, wording
from pytest_llm_latency.report.charts import RatioBar
from pytest_llm_latency.report.rows import SEVERITY, Row, by_severity, rows

# Up to so many benchmarks are shown with their charts unfolded whatever their verdict.
FEW = 4
# What HTML does not allow in text, or UTF-8 in a file: a provider's message may hold anything.
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_LIMITED = re.compile(r"\s*(?:[\w\[\]'\" -]*:)?\s*([a-z0-9_]+)")
_RATES: Mapping[str, Callable[[float | None], str]] = MappingProxyType({
    "error_rate": units.format_percent,
    "goodput": units.format_percent,
    "requests_per_s": units.format_rate,
})


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """One line of the table of all benchmarks."""

    anchor: str
    result: Result
    row: Row
    bar: RatioBar | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """One benchmark's part of the page."""

    anchor: str
    result: Result
    unfolded: bool
    findings: tuple[wording.Finding, ...]
    reasons: tuple[str, ...]
    steps: tuple[details.Step, ...]
    lines: tuple[TableRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """One benchmark that the verdict names, and what to do about it."""

    anchor: str
    result: Result
    findings: tuple[wording.Finding, ...]
    reasons: tuple[str, ...]
    advice: remedies.Advice | None


def render(session: Session, evidence: Mapping[str, Evidence]) -> str:
    """Return the page of a session; ``evidence`` has the raw runs by test id, as far as they are there."""
    benchmarks = _benchmarks(session.results, evidence)
    alike = _without_baseline(session.results)
    environment = _environment()
    style, script = (environment.get_template(name).render() for name in ("style.css.j2", "script.js.j2"))
    page = environment.get_template("page.html.j2").render(
        session=session,
        tool=wording.TOOL,
        tool_version=session.environment.versions.get(wording.TOOL),
        policy=_policy(style, script),
        style=Markup(style),  # noqa: S704  (our own template, without input)
        script=Markup(script),  # noqa: S704  (our own template, without input)
        headline=wording.verdict(session),
        totals=wording.totals(session.results),
        attention=[each for each in _attention(benchmarks) if each.result not in alike],
        alike=alike,
        accept_all=remedies.advice(alike[0], command=remedies.accept_all_command(alike[0])) if alike else None,
        missing=wording.missing(session),
        notices=wording.notices(session),
        changes=wording.environment_changes(session.results),
        benchmarks=benchmarks,
        metrics=METRICS.values(),
        definitions_version=DEFINITIONS_VERSION,
    )
    return _FORBIDDEN.sub("\ufffd", page)


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("pytest_llm_latency.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "value": units.format_value,
        "seconds": units.format_seconds,
        "percent": units.format_percent,
        "change": units.format_change,
        "interval": units.format_interval,
        "money": units.format_money,
        "rate": units.format_rate,
        "count": units.format_count,
        "bytes": units.format_bytes,
        "status": wording.TITLES.__getitem__,
        "severity": SEVERITY.__getitem__,
        "label": wording.label,
        "load": load.describe,
    }
    environment.globals |= {
        "benchmark_count": wording.benchmarks,
        "errors": wording.errors,
        "cost": wording.cost,
        "compared_with": wording.compared_with,
        "commit": wording.commit,
        "change_sentence": wording.change,
        "probability": wording.probability,
        "by_region": regions.by_region,
        "limit_value": _limit_value,
        "message_length": details.MESSAGE_LENGTH,
        "plot": {
            "width": charts.WIDTH,
            "height": charts.HEIGHT,
            "left": charts.LEFT,
            "right": charts.RIGHT,
            "bottom": charts.BOTTOM,
            "bars": phases.BAR_LEFT,
        },
    }
    return environment


def _policy(style: str, script: str) -> str:
    """Return the content-security policy under which only this page's own style and script run."""
    return (
        "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; "
        f"style-src {_source(style)}; script-src {_source(script)}"
    )


def _source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _benchmarks(results: Sequence[Result], evidence: Mapping[str, Evidence]) -> list[Benchmark]:
    tables = [rows(result) for result in results]
    widest = charts.widest(list(chain.from_iterable(_sizes(row) for table in tables for row in table)))
    return [
        Benchmark(
            anchor=f"benchmark-{number}",
            result=result,
            unfolded=len(results) <= FEW or result.status not in {"pass", "improved"},
            findings=tuple(wording.findings(result, passing=True)),
            reasons=result.reasons,
            steps=details.steps(result, evidence.get(result.test_id)),
            lines=tuple(
                TableRow(anchor=f"benchmark-{number}", result=result, row=row, bar=_bar(result, row, widest))
                for row in table
            ),
        )
        for number, (result, table) in enumerate(zip(results, tables, strict=True), start=1)
    ]


def _sizes(row: Row) -> list[float]:
    if row.verdict is None or row.verdict.ratio is None:
        return []
    return [row.verdict.ratio, *(row.verdict.interval or ())]


def _bar(result: Result, row: Row, widest: float) -> RatioBar | None:
    interval = None if row.verdict is None else row.verdict.interval
    return charts.ratio_bar(row.ratio, interval, tolerance=result.plan.tolerance, widest=widest)


def _attention(benchmarks: Sequence[Benchmark]) -> list[Attention]:
    anchors = {each.result.test_id: each.anchor for each in benchmarks}
    told = [each.result for each in benchmarks if each.result.status != "pass" or each.result.fails]
    told = [result for result in told if not result.silent]
    said: set[str] = set()
    return [
        Attention(
            anchor=anchors[result.test_id],
            result=result,
            findings=tuple(wording.unsaid(wording.findings(result), said)),
            reasons=result.reasons,
            advice=remedies.advice(result, command=remedies.accept_command(result)),
        )
        for result in by_severity(told)
    ]


def _without_baseline(results: Sequence[Result]) -> list[Result]:
    """Return the results that lack nothing but a baseline, to be named together, if there are several."""
    found = [result for result in results if result.status == "no_baseline" and not result.fails]
    return found if len(found) > 1 else []


def _limit_value(limit: LimitCheck, value: float | None) -> str:
    """Write a limit's value in the unit of the metric that its text names."""
    match = _LIMITED.match(limit.limit)
    name = "" if match is None else match[1]
    if value is None:
        return "–"
    if name in _RATES:
        return _RATES[name](value)
    return units.format_value(value, METRICS[name].unit if name in METRICS else "")
