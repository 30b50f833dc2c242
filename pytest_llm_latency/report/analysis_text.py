"""An analysis of stored runs as lines of a terminal."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pytest_llm_latency import interleaving, units
from pytest_llm_latency.model import Notice
from pytest_llm_latency.plan import describe_load
from pytest_llm_latency.report import wording
from pytest_llm_latency.report.analysis import Analysis, PartFigures, Slow, StepAnalysis
from pytest_llm_latency.report.text import Line, Screen, line
from pytest_llm_latency.stats.quantiles import name
from pytest_llm_latency.stats.readings import Percentile, Reading

_GAP = _INDENT = "  "
_BAR = (12, 32)  # characters: the least and the most
# Which phases a letter of the bar stands for.
_LETTERS = {"c": ("name resolution", "TCP connect", "TLS handshake"), "s": ("send",), "w": ("server wait",),
            "d": ("first delta",), "=": ("streaming",)}  # fmt: skip
_LEGEND = "c connect, s send, w wait, d first byte to first delta, = streaming"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    """A column of a table; where the width does not suffice, that with the highest ``rank`` goes first."""

    title: str
    cells: Sequence[str]
    rank: int = 0
    left: bool = False

    @property
    def width(self) -> int:
        return max(map(len, (self.title, *self.cells)))

    def aligned(self, cell: str) -> str:
        return cell.ljust(self.width) if self.left else cell.rjust(self.width)


def lines(found: Sequence[Analysis], *, width: int, unicode: bool) -> list[Line]:
    """Return the analyses one below the other, in so many columns."""
    screen = Screen(width=width, verbosity=0, unicode=unicode)
    told = [each for analysis in found for each in (*_run(analysis, screen), Line())]
    return told[:-1]


def _run(found: Analysis, screen: Screen) -> Iterator[Line]:
    run = found.run
    yield line(screen.id(run.test_id), "bold")
    beside = "" if run.plan.ab is None else f" {interleaving.told(run.plan)}; this is the test's own side,"
    under = f"{wording.models(run)},{beside} {describe_load(run.plan)}"
    measured = f"{under}, {run.started_at}, environment {run.environment.label}"
    yield from screen.sentence(measured, len(_INDENT))
    yield from _trust(found, screen)
    for step in found.steps:
        yield from _step(step, screen)


def _trust(found: Analysis, screen: Screen) -> Iterator[Line]:
    trust = found.run.trust
    seconds = {
        "1 % of the stamps may be wrong by {}": trust.error_p99_s,
        "1 % of the requests left {} late": trust.send_lag_p99_s,
    }
    facts = [text.format(units.format_seconds(value)) for text, value in seconds.items() if value is not None]
    facts += [] if trust.cpu_share is None else [f"the client used {units.format_percent(trust.cpu_share)} of a core"]
    if not found.distrust and facts:
        yield from screen.sentence(f"trusted: {', '.join(facts)}", len(_INDENT))
    for reason in found.distrust:
        yield from screen.sentence(f"not to be trusted: {reason.message}", len(_INDENT), "red", "bold")
    if not found.run.complete:
        yield from screen.sentence("not complete: the measuring was cut off", len(_INDENT), "red", "bold")
    for warning in found.run.warnings:
        yield from _notice(warning, screen)


def _notice(warning: Notice, screen: Screen) -> list[Line]:
    kind = wording.label(warning)
    return screen.sentence(f"{kind}: {warning.message}", len(_INDENT), *(["yellow"] if kind == "warning" else []))


def _step(found: StepAnalysis, screen: Screen) -> Iterator[Line]:
    summary = found.summary
    failed = summary.requests - summary.successes
    cost = "cost unknown" if summary.cost_usd is None else units.format_money(summary.cost_usd)
    each = "" if summary.cost_per_1000_usd is None else f" ({units.format_money(summary.cost_per_1000_usd)} for 1,000)"
    figures = [
        f"{units.format_count(summary.requests)} requests",
        f"{wording.errors(summary.requests, failed)} error{'' if failed == 1 else 's'}",
        None if summary.requests_per_s is None else f"{_a_second(summary.requests_per_s)} a second",
        None if summary.tokens_per_s is None else f"{_a_second(summary.tokens_per_s)} output tokens a second",
        f"{cost}{each}",
        None if summary.goodput is None else f"{units.format_percent(summary.goodput)} within the limits",
        None if summary.cache_hits is None else f"{units.format_percent(summary.cache_hits)} from the prompt cache",
    ]
    yield Line()
    named = "" if found.step is None else f"step {found.step}: "
    yield from screen.sentence(f"{named}{', '.join(each for each in figures if each is not None)}", len(_INDENT))
    yield from _spaced(_metrics(found.readings, screen))
    yield from _spaced(_errors(found, screen))
    yield from _spaced(_slowest(found.slowest, screen))
    for by in dict.fromkeys(part.by for part in found.parts):
        yield from _spaced(_parts(by, [part for part in found.parts if part.by == by], screen))


def _a_second(rate: float) -> str:
    return units.format_rate(rate).removesuffix("/s")


def _spaced(block: Sequence[Line]) -> list[Line]:
    return [Line(), *block] if block else []


def _metrics(found: Sequence[Reading], screen: Screen) -> list[Line]:
    """Return a row a metric, and below it the intervals of its percentiles; what was 0 throughout says nothing."""
    found = [each for each in found if each.minimum != 0 or each.maximum != 0]
    rows = [(each, each.metric.gated) for each in found]
    if not rows:
        return []

    def column(title: str, of: int | None, cells: Sequence[str], rank: int) -> _Column:
        both = []
        for (reading, below), cell in zip(rows, cells, strict=True):
            both.append(cell)
            if below:
                both.append("" if of is None else _interval(reading.percentiles[of], reading.metric.unit))
        return _Column(title=title, cells=both, rank=rank, left=title == "")

    levels = [each.level for each in found[0].percentiles]
    table = [
        column("", None, [each.metric.id for each in found], 0),
        column("n", None, [units.format_count(each.count) for each in found], 2),
        column("mean", None, [units.format_value(each.mean, each.metric.unit) for each in found], 3),
        *(
            column(name(level), place, [_percentile(each.percentiles[place], each) for each in found], 1)
            for place, level in enumerate(levels)
        ),
        column("max", None, [units.format_value(each.maximum, each.metric.unit) for each in found], 4),
        column("min", None, [units.format_value(each.minimum, each.metric.unit) for each in found], 5),
    ]
    needed = {name(each.level): each.needed for reading in found for each in reading.percentiles if each.needed}
    words = ", ".join(f"{each} needs {count}" for each, count in needed.items())
    lacking = screen.sentence(f"– too few requests: {words}", len(_INDENT)) if words else []
    return [*_table(table, screen), *screen.sentence("in the second lines: 95 % intervals", len(_INDENT)), *lacking]


def _percentile(found: Percentile, of: Reading) -> str:
    if found.value is None and found.needed is None:
        return "failed"
    return units.format_value(found.value, of.metric.unit)


def _interval(found: Percentile, unit: str) -> str:
    if found.interval is None:
        return ""
    low, high = (units.format_value(each, unit) for each in found.interval)
    number, _, written = low.partition(" ")
    return f"{number if high.endswith(f' {written}') and written else low} … {high}"


def _errors(found: StepAnalysis, screen: Screen) -> list[Line]:
    told = []
    for each in found.errors:
        share = units.format_percent(each.count / found.summary.requests)
        told += screen.sentence(f"{each.count} ({share}) {each.error_class} ({each.phase}): {each.message}", 2, "red")
    return told


def _slowest(found: Sequence[Slow], screen: Screen) -> list[Line]:
    if not found:
        return []
    spent = [_spent(each) for each in found]
    ttft = [None if each.e2e_s is None else each.e2e_s - each.phases.get("streaming", 0.0) for each in found]
    times = (
        ("at", [each.at_s for each in found], 3),
        ("e2e", [each.e2e_s for each in found], 0),
        ("ttft", ttft, 1),
        ("connect", [each["c"] or None for each in spent], 4),
        ("wait", [each["w"] for each in spent], 5),
        ("streaming", [each["="] for each in spent], 2),
    )
    table = [
        _Column(title="iteration", cells=[str(each.iteration) for each in found]),
        *(
            _Column(title=title, cells=[units.format_seconds(each) for each in seconds], rank=rank)
            for title, seconds, rank in times
            if any(each is not None for each in seconds)
        ),
        _Column(
            title="tokens", cells=["–" if each.tokens_out is None else str(each.tokens_out) for each in found], rank=6
        ),
    ]
    if any(each.worker for each in found):
        table.append(_Column(title="worker", cells=[each.worker or "–" for each in found], rank=7))
    shown = _fitting(table, screen.width - _BAR[0] - len(_GAP))
    room = min(_BAR[1], screen.width - _width(shown) - len(_GAP))
    longest = max(each.e2e_s or 0.0 for each in found)
    bars = [_bar(each, longest, room) for each in spent]
    return [
        *screen.sentence("the slowest answers, and what they waited for", len(_INDENT)),
        *_table([*shown, _Column(title="", cells=bars, left=True)], screen),
        *screen.sentence(_LEGEND, len(_INDENT)),
    ]


def _spent(found: Slow) -> dict[str, float]:
    """Return the seconds of each letter of the bar; an answer that began before the request was out waited for none."""
    return {
        letter: max(0.0, sum(found.phases.get(phase, 0.0) for phase in phases)) for letter, phases in _LETTERS.items()
    }


def _bar(spent: dict[str, float], longest: float, room: int) -> str:
    """Draw the phases one after the other; each that took half a character or more has one."""
    bar, reached = "", 0.0
    for letter, seconds in spent.items():
        reached += seconds
        bar += letter * (round(reached / longest * room) - len(bar)) if longest else ""
    return bar


def _parts(by: str, found: Sequence[PartFigures], screen: Screen) -> list[Line]:
    table = [
        _Column(title=f"by {by}", cells=[screen.text(each.name) for each in found], left=True),
        _Column(title="requests", cells=[units.format_count(each.requests) for each in found], rank=2),
        _Column(title="errors", cells=[units.format_percent(each.errors / each.requests) for each in found], rank=3),
    ]
    known = dict.fromkeys(
        (reading.metric.id, each.level) for part in found for reading in part.readings for each in reading.percentiles
    )
    first = next((metric for metric, _ in known), None)
    for metric, level in known:
        cells = [_of_part(part, metric, level) for part in found]
        if set(cells) != {"–"}:
            table.append(_Column(title=f"{metric} {name(level)}", cells=cells, rank=1 if metric == first else 4))
    return _table(table, screen)


def _of_part(part: PartFigures, metric: str, level: float) -> str:
    reading = next((each for each in part.readings if each.metric.id == metric), None)
    if reading is None:
        return "–"
    return next(_percentile(each, reading) for each in reading.percentiles if each.level == level)


def _table(columns: Sequence[_Column], screen: Screen) -> list[Line]:
    shown = _fitting(columns, screen.width)
    heads = [each.aligned(each.title) for each in shown]
    rows = zip(*([each.aligned(cell) for cell in each.cells] for each in shown), strict=True)
    written = [_GAP.join(["", *cells]).rstrip() for cells in rows]
    head = _GAP.join(["", *heads]).rstrip()
    return [line(screen.text(head), "bold"), *(line(screen.text(each)) for each in written if each)]


def _fitting(columns: Sequence[_Column], width: int) -> list[_Column]:
    shown = list(columns)
    while _width(shown) > width and any(each.rank for each in shown):
        shown.remove(max(shown, key=lambda each: each.rank))
    return shown


def _width(columns: Sequence[_Column]) -> int:
    return sum(len(_GAP) + each.width for each in columns)
