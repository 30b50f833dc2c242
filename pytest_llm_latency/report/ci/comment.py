"""The comment on a merge request and the summary of a job: the verdict first, everything else folded below it."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from pytest_llm_latency import units
from pytest_llm_latency.model import Result, Session
from pytest_llm_latency.report import markdown, remedies, wording
from pytest_llm_latency.report.ci.material import Material
from pytest_llm_latency.report.ci.problems import Problem, problems
from pytest_llm_latency.report.rows import Row, by_severity, rows
from pytest_llm_latency.report.text import plain

COMMENT_LIMIT = 65_536
MARKER = "<!-- pytest-llm-latency"
_ROWS = 10
_COMMANDS = 3
_SENTENCE = 600
_BACKTICKS = re.compile(r"`+")
_IN_ADDRESSES = ":/?#&=%+,;@~"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A part of a document; of its ``lines`` as many stand in it as there is room for, of the rest the number."""

    head: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    tail: tuple[str, ...] = ()
    left_out: Callable[[int], str] = lambda count: f"… and {units.format_count(count)} more lines in the HTML report"


def comment(material: Material) -> str:
    """Return the comment; its first line is the same in every run, so that one comment is kept up to date."""
    marker = f"{MARKER}: {material.session.environment.label} -->"
    return fitted([Block(head=(marker,)), *_blocks(material)], COMMENT_LIMIT)


def summary(material: Material) -> str:
    """Return the same for the summary of a job, as long as what GitHub still takes for the step."""
    return fitted(_blocks(material), material.place.summary_room)


def fitted(blocks: Sequence[Block], limit: int) -> str:
    """Return the blocks in at most so many bytes; where not even their heads fit, nothing."""
    least = [(*each.head, *((each.left_out(len(each.lines)),) if each.lines else ()), *each.tail) for each in blocks]
    room = limit - sum(_size(part) for part in least)
    if room < 0:
        return ""
    found: list[str] = []
    for each in blocks:
        kept = 0
        while kept < len(each.lines) and (size := _size(each.lines[kept : kept + 1])) <= room:
            room -= size
            kept += 1
        rest = len(each.lines) - kept
        found += [*each.head, *each.lines[:kept], *((each.left_out(rest),) if rest else ()), *each.tail]
    return "".join(f"{line}\n" for line in found)


def _size(lines: Iterable[str]) -> int:
    return sum(len(line.encode("utf-8", "replace")) + 1 for line in lines)


def _blocks(material: Material) -> list[Block]:
    session = material.session
    found = problems(session, material.place)
    failing = [each for each in found if each.fails]
    shown = failing or found
    return [
        Block(head=(f"## {_symbol(session)} LLM latency: {markdown.escaped(wording.verdict(session))}", "")),
        *_worst(session, shown),
        *_to_do(session, shown),
        *_changes(session),
        *_details(session),
        Block(head=(_footer(material),)),
    ]


def _symbol(session: Session) -> str:
    if wording.fails(session):
        return "❌"
    return "✅" if session.results and all(each.status in {"pass", "improved"} for each in session.results) else "⚠️"


def _worst(session: Session, shown: Sequence[Problem]) -> list[Block]:
    """Return a table of the worst, and in words what no table has: limits, errors, runs that say nothing."""
    told = {(each.test_id or "", each.about): place for place, each in enumerate(shown)}
    compared = {
        (result.test_id, wording.subject(row)): (result, row)
        for result in session.results
        for row in rows(result)
        if row.verdict is not None
    }
    in_table = [row for key, row in sorted(compared.items(), key=lambda each: told.get(each[0], 0)) if key in told]
    in_words = [each for each in shown if (each.test_id or "", each.about) not in compared]
    blocks = []
    if in_table:
        blocks.append(Block(head=(*markdown.table(in_table[:_ROWS]), *_more(len(in_table) - _ROWS, "rows"), "")))
    if in_words:
        sentences = (_sentence(each) for each in in_words[:_ROWS])
        blocks.append(Block(head=(*sentences, *_more(len(in_words) - _ROWS, "findings"), "")))
    return blocks


def _more(count: int, what: str) -> tuple[str, ...]:
    """Return the lines that count what is not on the first screen, nothing where nothing is left."""
    return ("", f"… and {units.format_count(count)} more {what} below.") if count > 0 else ()


def _sentence(problem: Problem) -> str:
    about = "" if problem.test_id is None else f" {markdown.code(problem.test_id)}:"
    return f"- **{wording.TITLES[problem.status]}**{about} {markdown.escaped(_clipped(problem.sentence))}"


def _clipped(text: str) -> str:
    return text if len(text) <= _SENTENCE else f"{text[:_SENTENCE]}…"


def _to_do(session: Session, shown: Sequence[Problem]) -> list[Block]:
    commands: dict[str, dict[str, None]] = {}
    for advice in (each.advice for each in shown if each.advice is not None):
        found = commands.setdefault(advice.sentence, {})
        found |= {} if advice.command is None else {advice.command: None}
    advised = [_advice(sentence, list(found)) for sentence, found in commands.items()]
    blocks = [Block(head=each) for each in advised[:_COMMANDS]]
    if len(advised) > _COMMANDS:
        left = units.format_count(len(advised) - _COMMANDS)
        blocks.append(Block(head=(f"… and {left} more things to do, in the HTML report.", "")))
    new = [each for each in session.results if each.status == "no_baseline" and not each.fails and not each.silent]
    if new:
        to_accept = remedies.advice(new[0], command=remedies.accept_all_command(new[0]))
        before = f"**{wording.benchmarks(len(new))} without a baseline.** "
        if to_accept is not None:
            blocks.append(Block(head=_advice(to_accept.sentence, [to_accept.command or ""], before=before)))
    return blocks


def _advice(sentence: str, commands: Sequence[str], *, before: str = "**What to do.** ") -> tuple[str, ...]:
    shown = [_clipped(plain(each)) for each in commands[:_COMMANDS] if each]
    told = markdown.escaped(sentence)
    if shown:
        told = f"{told.removesuffix(':')}, in a checkout with the `.llm-latency/` of this run:"
    if len(commands) > _COMMANDS:
        shown.append(f"# and the same for {len(commands) - _COMMANDS} more")
    fence = "`" * max(3, 1 + max((len(each) for line in shown for each in _BACKTICKS.findall(line)), default=0))
    code = (f"{fence}console", *shown, fence, "") if shown else ()
    return (f"{before}{told}", "", *code)


def _changes(session: Session) -> list[Block]:
    changes = wording.environment_changes(session.results)
    if not changes:
        return []
    told = [markdown.escaped(_clipped(f"{text} ({whose})" if whose else text)) for text, whose in changes]
    shown = f"**Changed in the environment:** {'; '.join(told[:_ROWS])}"
    return [Block(head=(shown, *_more(len(told) - _ROWS, "changes"), ""))]


def _details(session: Session) -> list[Block]:
    results = by_severity(session.results)
    pairs: list[tuple[Result, Row]] = [(result, row) for result in results for row in rows(result)]
    reasons = markdown.findings(session)
    warnings = [f"- {markdown.escaped(notice.message)}" for notice, _ in wording.notices(session)]
    head, rule, *lines = markdown.table(pairs)
    blocks = [_folded(f"All {wording.benchmarks(len(results))}", lines, (head, rule))] if pairs else []
    blocks += [_folded("What is said of each", reasons)] if reasons else []
    return blocks + ([_folded(f"Warnings ({len(warnings)})", warnings)] if warnings else [])


def _folded(title: str, lines: Sequence[str], head: tuple[str, ...] = ()) -> Block:
    return Block(
        head=("<details>", f"<summary>{title}</summary>", "", *head), lines=tuple(lines), tail=("", "</details>", "")
    )


def _footer(material: Material) -> str:
    session, url = material.session, material.place.url
    totals = wording.totals(session.results)
    parts = [
        f"{units.format_count(totals.requests)} requests",
        f"{wording.errors(totals.requests, totals.errors)} errors",
        wording.cost(totals),
        f"environment {session.environment.label}",
    ]
    commit = wording.commit(session.environment)
    parts += [f"commit {commit}"] if commit is not None else []
    told = [markdown.escaped(each) for each in parts]
    link = [] if url is None else [f"[the job, with the HTML report]({quote(url, safe=_IN_ADDRESSES)})"]
    return " · ".join([*told, *link])
