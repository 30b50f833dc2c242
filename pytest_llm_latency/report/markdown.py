"""A session as Markdown: a table of the benchmarks, and below it what is to be said of them."""

import re
from collections.abc import Sequence

from pytest_llm_latency import units
from pytest_llm_latency.model import Result, Session
from pytest_llm_latency.report import wording
from pytest_llm_latency.report.rows import Row, by_severity, rows
from pytest_llm_latency.report.text import plain

_HEADS = ("benchmark", "metric", "baseline p95", "p95", "change", "95 % interval", "p", "errors", "verdict")
_ALIGNED = ("---", "---", "---:", "---:", "---:", "---:", "---:", "---:", "---")
_SPECIAL = re.compile(r"([\\`*_\[\]<>|#~])")


def lines(session: Session) -> list[str]:
    """Return the table, the findings, the warnings and the closing line of a session."""
    table = [_line(_HEADS), _line(_ALIGNED)]
    table += [_line(_cells(result, row)) for result in session.results for row in rows(result)]
    told = [line for result in by_severity(session.results) for line in _finding(result)]
    notes = [f"environment: {text}" for text, _ in wording.environment_changes(session.results)]
    notes += [f"warning: {notice.message}" for notice, _ in wording.notices(session)]
    blocks = [table, told, [f"- {escaped(note)}" for note in notes], [escaped(closing(session))]]
    return [line for block in blocks if block for line in (*block, "")][:-1]


def closing(session: Session) -> str:
    """Count the verdicts in words."""
    counted = (f"{count} {wording.TITLES[status]}" for status, count in wording.counts(session.results))
    return ", ".join(counted) or "no benchmark was compared"


def escaped(text: str) -> str:
    """Return text of unknown origin so that Markdown shows it and obeys none of it."""
    return _SPECIAL.sub(r"\\\1", plain(text))


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(result: Result, row: Row) -> tuple[str, ...]:
    title = result.test_id if row.step is None else f"{result.test_id} · {row.step}"
    verdict, unit = row.verdict, row.metric.unit
    return (
        escaped(title),
        row.metric.id,
        units.format_value(row.p95_before, unit),
        units.format_value(row.p95, unit),
        units.format_change(row.ratio),
        units.format_interval(None if verdict is None else verdict.interval),
        units.format_probability(None if verdict is None else verdict.p_value),
        "–" if row.summary is None else units.format_percent(row.summary.error_rate),
        f"**{wording.TITLES[row.status]}**" if row.status == "regressed" else wording.TITLES[row.status],
    )


def _finding(result: Result) -> list[str]:
    if result.silent or (result.status == "pass" and not wording.findings(result)):
        return []
    found = [f"- **{wording.TITLES[result.status]}**: {escaped(result.test_id)}"]
    return found + [f"  - {escaped(reason)}" for reason in wording.reasons(result)]
