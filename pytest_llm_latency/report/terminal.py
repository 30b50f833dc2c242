"""The terminal section, the text of a native failure and the section of one test."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from pytest_llm_latency import load, units
from pytest_llm_latency.model import Result, Session, VerdictStatus
from pytest_llm_latency.report import regions, remedies, wording
from pytest_llm_latency.report.rows import Row, by_severity, rows
from pytest_llm_latency.report.text import Line, Span, encodable, line, plain, shorten, sparkline, wrap

__all__ = ["Line", "Span", "failure_message", "lines", "section"]

MARKUP: Mapping[VerdictStatus, tuple[str, ...]] = MappingProxyType({
    "pass": ("green",),
    "improved": ("green", "bold"),
    "regressed": ("red", "bold"),
    "invalid": ("red", "bold"),
    "incomparable": ("yellow", "bold"),
    "inconclusive": ("yellow",),
    "no_baseline": ("cyan",),
})
_GAP = _INDENT = "  "
_BLOCKS = (6, 24)
_SPARKLINE_RANK = 5
NARROW = 80  # columns: what pytest itself takes for the width where there is no terminal


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of the table; where the width does not suffice, the highest ``rank`` goes first.

    Only the last column may stand ``left``.
    """

    title: str
    cell: Callable[[Row], str]
    rank: int
    left: bool = False
    markup: Callable[[Row], tuple[str, ...]] = lambda row: ()  # noqa: ARG005  (of no colour, whatever the row)


def _p50(row: Row) -> str:
    return units.format_value(None if row.now is None else row.now.p50, row.metric.unit)


def _by_status(row: Row) -> tuple[str, ...]:
    return MARKUP[row.status]


def _by_errors(row: Row) -> tuple[str, ...]:
    return () if row.errors is None or row.errors.status == "pass" else MARKUP[row.errors.status]


def _errors(row: Row) -> str:
    return "–" if row.summary is None else units.format_percent(row.summary.error_rate)


COLUMNS = (
    Column(title="p50", cell=_p50, rank=5),
    Column(title="p95", cell=lambda row: units.format_value(row.p95, row.metric.unit), rank=1),
    Column(title="baseline", cell=lambda row: units.format_value(row.p95_before, row.metric.unit), rank=3),
    Column(title="change", cell=lambda row: units.format_change(row.ratio), rank=2, markup=_by_status),
    Column(
        title="95 % interval",
        cell=lambda row: units.format_interval(None if row.verdict is None else row.verdict.interval),
        rank=6,
    ),
    Column(
        title="p",
        cell=lambda row: units.format_probability(None if row.verdict is None else row.verdict.p_value),
        rank=7,
    ),
    Column(title="errors", cell=_errors, rank=4, markup=_by_errors),
    Column(title="verdict", cell=lambda row: wording.TITLES[row.status], rank=0, left=True, markup=_by_status),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """What is known of the terminal: columns, pytest's verbosity, what its encoding takes."""

    width: int
    verbosity: int
    unicode: bool

    def text(self, text: str) -> str:
        """Return text of unknown origin as this screen can show it."""
        return encodable(plain(text), unicode=self.unicode)

    def id(self, test_id: str, *, beside: int = 0) -> str:
        """Return a test id that fits one line beside so many columns."""
        return shorten(self.text(test_id), self.width - beside, ellipsis=self.text("…"))

    def sentence(self, text: str, indent: int, *markup: str) -> list[Line]:
        """Return a sentence broken into lines."""
        return [line(each, *markup) for each in wrap(self.text(text), self.width, indent=indent)]


def lines(
    session: Session, *, width: int, verbosity: int, artefacts: Sequence[tuple[str, str]], unicode: bool = True
) -> list[Line]:
    """Return the section of a session; artefacts are pairs of a title and a path."""
    screen = Screen(width=width, verbosity=verbosity, unicode=unicode)
    if verbosity < 0:
        return [*_findings(session, screen), *_missing(session, screen), _closing(session, screen)]
    blocks = (
        _table(session.results, screen),
        regions.lines(session.results, screen.width, screen.text, screen.id),
        _findings(session, screen),
        _missing(session, screen),
        _surroundings(session, screen),
        _artefacts(artefacts, screen),
        [_closing(session, screen)],
    )
    return _spaced(blocks)


def _spaced(blocks: Iterable[list[Line]]) -> list[Line]:
    spaced = [each for block in blocks if block for each in (*block, Line())]
    return spaced[:-1]


def _table(results: Sequence[Result], screen: Screen) -> list[Line]:
    grid = [(result, row) for result in results for row in rows(result)]
    if not grid:
        return []
    cells = {column.title: [screen.text(column.cell(row)) for _, row in grid] for column in COLUMNS}
    sizes = {title: max(len(title), *map(len, texts)) for title, texts in cells.items()}
    label = max(len(row.metric.id) for _, row in grid)
    shown, blocks = _fitted(sizes, screen.width - len(_INDENT) - label)
    spark = len(_GAP) + blocks if blocks else 0
    header = " " * (len(_INDENT) + label + spark) + "".join(_GAP + _aligned(each.title, each, sizes) for each in shown)
    found = [line(header.rstrip(), "bold")]
    for index, (result, row) in enumerate(grid):
        if index == 0 or grid[index - 1][0] is not result or grid[index - 1][1].step != row.step:
            found += [line(screen.id(_title(result, row)))]
        bars = "" if row.now is None else encodable(sparkline(row.now.histogram, blocks), unicode=screen.unicode)
        spans = [Span(text=f"{_INDENT}{row.metric.id:<{label}}{(_GAP + bars if spark else ''):<{spark}}")]
        for each in shown:
            text = _aligned(cells[each.title][index], each, sizes)
            spans.append(Span(text=_GAP + text, markup=each.markup(row)))
        found.append(Line(spans=tuple(spans)))
    return found + _too_few([row for _, row in grid], screen)


def _too_few(shown: Iterable[Row], screen: Screen) -> list[Line]:
    """Return what the dashes of a table say, where it has some for want of requests."""
    lacking = [row.now.needed for row in shown if row.now is not None and row.now.successes and row.p95 is None]
    needed = {each: max((one[each] for one in lacking if each in one), default=None) for each in ("p50", "p95")}
    words = ", ".join(f"{each} needs {count}" for each, count in needed.items() if count is not None)
    return screen.sentence(f"– too few requests: {words}", len(_INDENT)) if words else []


def _title(result: Result, row: Row) -> str:
    named = result.test_id if row.step is None else f"{result.test_id} · {row.step}"
    return named if result.plan.ab is None else f"{named} ({wording.compared_with(result)})"


def _fitted(sizes: Mapping[str, int], width: int) -> tuple[list[Column], int]:
    """Choose the columns that fit, and the width that is left for the sparkline."""
    ranked = sorted(COLUMNS, key=lambda column: column.rank)
    least = len(_GAP) + _BLOCKS[0]
    for count in range(len(ranked), 0, -1):
        left = width - sum(len(_GAP) + sizes[column.title] for column in ranked[:count])
        if left >= (least if ranked[count - 1].rank > _SPARKLINE_RANK else 0):
            break
    blocks = min(left - len(_GAP), _BLOCKS[1]) if left >= least else 0
    return [column for column in COLUMNS if column in ranked[:count]], blocks


def _aligned(text: str, column: Column, sizes: Mapping[str, int]) -> str:
    return text if column.left else text.rjust(sizes[column.title])


def _findings(session: Session, screen: Screen) -> list[Line]:
    if screen.verbosity < 0:
        told = [result for result in session.results if result.fails]
    else:
        told = [each for each in session.results if each.status != "pass" or wording.findings(each)]
        told = [each for each in told if not each.silent]
    told = list(session.results) if screen.verbosity > 0 else told
    alike = [each for each in told if each.status == "no_baseline" and not each.fails and screen.verbosity < 1]
    alike = alike if len(alike) > 1 else []
    said: set[str] = set()
    blocks = [_finding(result, screen, said) for result in by_severity(told) if result not in alike]
    return _spaced([*blocks, _without_baseline(alike, screen)])


def _without_baseline(results: Sequence[Result], screen: Screen) -> list[Line]:
    if not results:
        return []
    head = Line(
        spans=(
            Span(text=wording.TITLES["no_baseline"], markup=MARKUP["no_baseline"]),
            Span(text=f": {wording.benchmarks(len(results))}"),
        )
    )
    return [head, *_advice(results[0], remedies.accept_all_command(results[0]), screen)]


def _finding(result: Result, screen: Screen, said: set[str]) -> list[Line]:
    """Return what is to be said of a test; a reason that many share is said once in the section."""
    title = wording.TITLES[result.status]
    head = Span(text=f": {screen.id(result.test_id, beside=len(title) + 2)}")
    found = [Line(spans=(Span(text=title, markup=MARKUP[result.status]), head))]
    for each in wording.unsaid(wording.findings(result, passing=screen.verbosity > 0), said):
        status = "" if each.status == result.status else f"{wording.TITLES[each.status]}: "
        found += screen.sentence(f"{status}{each.text}", 2)
        found += [part for reason in each.reasons for part in screen.sentence(reason, 4)]
    found += [part for reason in result.reasons for part in screen.sentence(reason, 2)]
    return [*found, *_advice(result, remedies.accept_command(result), screen)]


def _advice(result: Result, command: str, screen: Screen) -> list[Line]:
    advice = remedies.advice(result, command=command)
    if advice is None:
        return []
    told = screen.sentence(advice.sentence, 2)
    return told if advice.command is None else [*told, line(f"{_INDENT * 2}{screen.text(advice.command)}")]


def _missing(session: Session, screen: Screen) -> list[Line]:
    lost = wording.missing(session)
    found = [line("The session was interrupted: what was measured is kept.", "yellow")] if session.interrupted else []
    if not lost:
        return found
    markup = "yellow" if session.interrupted else "red"
    found.append(line(f"{wording.benchmarks(len(lost))} without a result:", markup))
    return found + [line(f"{_INDENT}{screen.id(each, beside=len(_INDENT))}") for each in lost]


def _surroundings(session: Session, screen: Screen) -> list[Line]:
    changes = wording.environment_changes(session.results)
    found = [part for text, whose in changes for part in screen.sentence(f"environment: {text}{_of(whose)}", 0)]
    for warning, whose in wording.notices(session):
        markup = ("yellow",) if wording.label(warning) == "warning" else ()
        found += screen.sentence(f"{wording.label(warning)}: {warning.message}{_of(whose)}", 0, *markup)
    return found


def _of(whose: str) -> str:
    return f" ({whose})" if whose else ""


def _artefacts(artefacts: Sequence[tuple[str, str]], screen: Screen) -> list[Line]:
    size = max((len(title) for title, _ in artefacts), default=0)
    return [line(screen.text(f"{title:<{size}}{_GAP}{path}")) for title, path in artefacts]


def _closing(session: Session, screen: Screen) -> Line:
    if not session.results:
        return line("no benchmark was measured", "yellow")
    spans: list[Span] = []
    for status, count in wording.counts(session.results):
        comma = [Span(text=", ")] if spans else []
        spans += [*comma, Span(text=f"{count} {wording.TITLES[status]}", markup=MARKUP[status])]
    totals = wording.totals(session.results)
    rest = (
        f"{units.format_count(totals.requests)} requests",
        f"{units.format_count(totals.errors)} errors",
        wording.cost(totals),
    )
    return Line(spans=(*spans, Span(text=screen.text("".join(f" · {each}" for each in rest)))))


def failure_message(result: Result, *, unicode: bool = True) -> str:
    """Return the text of the native failure; its first line stands by itself."""
    found = [wording.headline(result), "", *_facts(result), ""]
    for each in wording.findings(result, passing=True):
        found.append(f"{wording.TITLES[each.status]}: {each.text}")
        found += [f"  {reason}" for reason in each.reasons]
    found += result.reasons
    found += [f"environment: {each}" for each in result.environment_changes]
    found += [
        f"{wording.label(each)}: {each.message}" for each in result.warnings if each.message not in result.reasons
    ]
    advice = remedies.advice(result, command=remedies.accept_command(result))
    if advice is not None:
        found += ["", advice.sentence, *([] if advice.command is None else [f"  {advice.command}"])]
    return "\n".join(encodable(plain(each), unicode=unicode) for each in found)


def _facts(result: Result) -> list[str]:
    totals = wording.totals([result])
    model = "any model" if result.plan.model is None else result.plan.model
    requests = (
        f"{units.format_count(totals.requests)} requests, {wording.errors(totals.requests, totals.errors)} errors"
    )
    return [result.test_id, f"{model}, {load.describe(result.plan.load)}, {requests}, {wording.compared_with(result)}"]


def section(result: Result, *, width: int = NARROW, unicode: bool = True) -> str:
    """Return the text of the report section of one test: its table and what it was measured under."""
    screen = Screen(width=width, verbosity=0, unicode=unicode)
    table = [each.text.rstrip() for each in _table([result], screen)]
    _, facts = _facts(result)
    return "\n".join([*wrap(screen.text(f"{wording.TITLES[result.status]}: {facts}"), width, indent=0), *table])
