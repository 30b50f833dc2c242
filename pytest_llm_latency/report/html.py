"""The HTML page: one file that asks for nothing, reads without scripts, and carries its own policy."""

import base64
import functools
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from types import MappingProxyType

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pytest_llm_latency import load, units
from pytest_llm_latency.metrics import DEFINITIONS_VERSION, METRICS
from pytest_llm_latency.model import Evidence, LimitCheck, Session
from pytest_llm_latency.report import benchmarks, details, regions, remedies, side_by_side, sweeps, wording
from pytest_llm_latency.report.charts.bars import RatioBar
from pytest_llm_latency.report.charts.drawing import PAINTS
from pytest_llm_latency.report.rows import SEVERITY, by_severity
from pytest_llm_latency.run_figures import RUN_FIGURES
from pytest_llm_latency.stats import history

# Up to so many benchmarks are named one by one in the verdict.
NAMED = 12
# What HTML does not allow in text, or UTF-8 in a file: a provider's message may hold anything.
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_LIMITED = re.compile(r"\s*(?:[\w\[\]'\" -]*:)?\s*([a-z0-9_]+)")
_RATES: Mapping[str, Callable[[float | None], str]] = MappingProxyType({
    "error_rate": units.format_percent,
    "goodput": units.format_percent,
    "requests_per_s": units.format_rate,
})


def render(session: Session, evidence: Mapping[str, Evidence]) -> str:
    """Return the page of a session; ``evidence`` has the raw runs by test id, as far as they are there."""
    parts = benchmarks.benchmarks(session.results, evidence)
    alike = benchmarks.without_baseline(session.results)
    shared = remedies.shared(by_severity(each for each in session.results if each not in alike and not each.silent))
    named = benchmarks.attention(parts, [each.sentence for each in shared])
    told = [each for each in named if each.result not in alike]
    anchored = [(each.anchor, each.result) for each in parts]
    environment = _environment()
    style, script = (environment.get_template(name).render() for name in ("style.css.j2", "script.js.j2"))
    template = environment.get_template("page.html.j2")
    page = template.render(
        session=session,
        tool=wording.TOOL,
        tool_version=session.environment.versions.get(wording.TOOL),
        policy=_policy(style, script),
        style=Markup(style),  # noqa: S704  (our own template, without input)
        script=Markup(script),  # noqa: S704  (our own template, without input)
        headline=wording.verdict(session),
        totals=wording.totals(session.results),
        attention=told[:NAMED],
        unnamed=len(told[NAMED:]),
        shared=shared,
        alike=alike,
        accept_all=remedies.advice(alike[0], command=remedies.accept_all_command(alike[0])) if alike else None,
        missing=wording.missing(session),
        notices=wording.notices(session),
        changes=wording.environment_changes(session.results),
        benchmarks=parts,
        scales=_scales(parts),
        groups=side_by_side.groups(anchored),
        costs=side_by_side.costs(anchored),
        drawn=sum(each.room is not None for each in parts),
        sweeps=sweeps.sweeps(benchmarks.varied(parts), chain.from_iterable(each.lengths for each in parts)),
        metrics=METRICS.values(),
        figures=RUN_FIGURES.values(),
        definitions_version=DEFINITIONS_VERSION,
    )
    return _FORBIDDEN.sub("\ufffd", page)


def _scales(parts: Sequence[benchmarks.Benchmark]) -> list[RatioBar]:
    """Return one bar for each scale that the bars of the page have."""
    lines = chain.from_iterable(each.lines for each in parts)
    return list({line.bar.scale: line.bar for line in lines if line.bar is not None}.values())


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
        "models": wording.models,
        "commit": wording.commit,
        "change_sentence": wording.change,
        "probability": wording.probability,
        "by_region": regions.by_region,
        "limit_value": _limit_value,
        "message_length": details.MESSAGE_LENGTH,
        "paints": PAINTS,
        "per_1000_tokens": side_by_side.per_1000_tokens,
        "runs_for_a_change": history.LEAST_RUNS,
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


def _limit_value(limit: LimitCheck, value: float | None) -> str:
    """Write a limit's value in the unit of the metric that its text names."""
    match = _LIMITED.match(limit.limit)
    name = "" if match is None else match[1]
    if value is None:
        return "–"
    if name in _RATES:
        return _RATES[name](value)
    return units.format_value(value, METRICS[name].unit if name in METRICS else "")
