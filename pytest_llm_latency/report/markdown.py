"""A session as Markdown: a table of the benchmarks, and below it what is to be said of them."""

import re
from collections.abc import Iterable, Sequence

from pytest_llm_latency import units
from pytest_llm_latency.model import Result, Session
from pytest_llm_latency.report import wording
from pytest_llm_latency.report.rows import Row, by_severity, rows
from pytest_llm_latency.report.text import plain, shorten

# A value stays in one line with its unit, an interval with its other end.
_SPACE = "\u00a0"
HEADS = ("benchmark", "metric", "p95", f"change (95{_SPACE}%{_SPACE}interval)", "p", "verdict", "errors")
_ALIGNED = ("---", "---", "---:", "---:", "---:", "---", "---:")
_ID_LENGTH = 120
_SPECIAL = re.compile(r"([\\`*_\[\]<>|#~&])")
_FIRST = re.compile(r"^(\d{0,9})([-+=.)])")
# A name after an at sign would be told of every run, and a number after a hash be a link.
_REFERENCE = re.compile(r"([@#])(?=\w)")
_NO_CODE_SPAN = re.compile(r"[`|\\]|^\s|\s$|^$")


def lines(session: Session) -> list[str]:
    """Return the table, the findings, the warnings and the closing line of a session."""
    told = findings(session)
    shown = table((result, row) for result in session.results for row in rows(result))
    blocks = [shown, told, [f"- {escaped(note)}" for note in notes(session)], [escaped(closing(session))]]
    return [line for block in blocks if block for line in (*block, "")][:-1]


def table(shown: Iterable[tuple[Result, Row]]) -> list[str]:
    """Return the head of the table, its rule, and a line for each row."""
    return [_line(HEADS), _line(_ALIGNED), *(_line(_cells(result, row)) for result, row in shown)]


def notes(session: Session) -> list[str]:
    """Return what differs in the environment, and the warnings."""
    found = [f"environment: {text}" for text, _ in wording.environment_changes(session.results)]
    return found + [f"{wording.label(notice)}: {notice.message}" for notice, _ in wording.notices(session)]


def closing(session: Session) -> str:
    """Count the verdicts in words."""
    counted = (f"{count} {wording.TITLES[status]}" for status, count in wording.counts(session.results))
    return ", ".join(counted) or "no benchmark was compared"


def findings(session: Session) -> list[str]:
    """Return what is to be said of each test as a list; what many share is said of the first."""
    said: set[str] = set()
    return [line for result in by_severity(session.results) for line in _finding(result, said)]


def _finding(result: Result, said: set[str]) -> list[str]:
    found = wording.findings(result)
    if result.silent or (result.status == "pass" and not found):
        return []
    told = [text for each in wording.unsaid(found, said) for text in (each.text, *each.reasons)]
    head = f"- **{wording.TITLES[result.status]}**: {code(result.test_id)}"
    return [head, *(f"  - {escaped(each)}" for each in (*result.reasons, *told))]


def escaped(text: str) -> str:
    """Return text of unknown origin so that Markdown shows it and obeys none of it."""
    shown = _FIRST.sub(r"\1\\\2", _SPECIAL.sub(r"\\\1", plain(text).strip()))
    return _REFERENCE.sub(r"\1&#8203;", shown)


def code(text: str) -> str:
    """Return a test id as code, whatever its characters, in a table too."""
    shown = shorten(plain(text), _ID_LENGTH)
    if not _NO_CODE_SPAN.search(shown):
        return f"`{shown}`"
    return f"<code>{''.join(each if each.isalnum() else f'&#{ord(each)};' for each in shown)}</code>"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(result: Result, row: Row) -> tuple[str, ...]:
    title = code(result.test_id)
    verdict, unit = row.verdict, row.metric.unit
    now, before = (_whole(units.format_value(each, unit)) for each in (row.p95, row.p95_before))
    interval = None if verdict is None or verdict.interval is None else units.format_interval(verdict.interval)
    change = _whole(units.format_change(row.ratio))
    bold = "**" if row.status == "regressed" else ""
    return (
        title if row.step is None else f"{title} · {escaped(row.step)}",
        row.metric.id,
        now if row.p95_before is None else f"{before}{_SPACE}→ {now}",
        f"{bold}{change}{bold}" + ("" if interval is None else f" ({_whole(interval)})"),
        units.format_probability(None if verdict is None else verdict.p_value),
        f"{bold}{wording.TITLES[row.status]}{bold}",
        "–" if row.summary is None else _whole(units.format_percent(row.summary.error_rate)),
    )


def _whole(text: str) -> str:
    return text.replace(" ", _SPACE)
