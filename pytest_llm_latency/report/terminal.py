"""The terminal section, the text of a native failure and the section of one test."""

from collections.abc import Collection, Iterable, Sequence

from pytest_llm_latency import load, units
from pytest_llm_latency.model import Result, Session
from pytest_llm_latency.report import regions, remedies, wording
from pytest_llm_latency.report.rows import by_severity
from pytest_llm_latency.report.terminal_table import MARKUP, shown_by, table
from pytest_llm_latency.report.text import Line, Screen, Span, encodable, line, plain, wrap

__all__ = ["Line", "Span", "failure_message", "lines", "section"]

_GAP = _INDENT = "  "
NARROW = 80  # columns: what pytest itself takes for the width where there is no terminal


def lines(
    session: Session, *, width: int, verbosity: int, artefacts: Sequence[tuple[str, str]], unicode: bool = True
) -> list[Line]:
    """Return the section of a session; artefacts are pairs of a title and a path."""
    screen = Screen(width=width, verbosity=verbosity, unicode=unicode)
    if verbosity < 0:
        return [*_findings(session, screen), *_missing(session, screen), _closing(session, screen)]
    blocks = (
        table(session.results, screen, shown_by(session.settings)),
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


def _findings(session: Session, screen: Screen) -> list[Line]:
    if screen.verbosity < 0:
        told = [result for result in session.results if result.fails]
    else:
        told = [each for each in session.results if each.status != "pass" or wording.findings(each)]
        told = [each for each in told if not each.silent]
    told = list(session.results) if screen.verbosity > 0 else told
    alike = [each for each in told if each.status == "no_baseline" and not each.fails and screen.verbosity < 1]
    alike = alike if len(alike) > 1 else []
    ordered = [result for result in by_severity(told) if result not in alike]
    shared = remedies.shared(ordered)
    said: set[str] = {each.sentence for each in shared}
    blocks = [_finding(result, screen, said) for result in ordered]
    return _spaced([*blocks, *(_shared(each, screen) for each in shared), _without_baseline(alike, screen)])


def _shared(advice: remedies.Shared, screen: Screen) -> list[Line]:
    command = line(f"{_INDENT * 2}{screen.text(advice.command)}")
    return [*screen.sentence(advice.sentence, 0), command, *screen.sentence(f"and the same for {advice.more} more", 4)]


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
    """Return what is to be said of a test; a reason and an advice that many share are said once in the section."""
    title = wording.TITLES[result.status]
    head = Span(text=f": {screen.id(result.test_id, beside=len(title) + 2)}")
    found = [Line(spans=(Span(text=title, markup=MARKUP[result.status]), head))]
    for each in wording.unsaid(wording.findings(result, passing=screen.verbosity > 0), said):
        status = "" if each.status == result.status else f"{wording.TITLES[each.status]}: "
        found += screen.sentence(f"{status}{each.text}", 2)
        found += [part for reason in each.reasons for part in screen.sentence(reason, 4)]
    found += [part for reason in result.reasons for part in screen.sentence(reason, 2)]
    return [*found, *_advice(result, remedies.accept_command(result), screen, said)]


def _advice(result: Result, command: str, screen: Screen, said: Collection[str] = ()) -> list[Line]:
    advice = remedies.advice(result, command=command)
    if advice is None or advice.sentence in said:
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
    requests = (
        f"{units.format_count(totals.requests)} requests, {wording.errors(totals.requests, totals.errors)} errors"
    )
    under = f"{wording.models(result)}, {load.describe(result.plan.load)}"
    return [result.test_id, f"{under}, {requests}, {wording.compared_with(result)}"]


def section(result: Result, *, width: int = NARROW, unicode: bool = True) -> str:
    """Return the text of the report section of one test: its table and what it was measured under."""
    screen = Screen(width=width, verbosity=0, unicode=unicode)
    lines = [each.text.rstrip() for each in table([result], screen)]
    _, facts = _facts(result)
    return "\n".join([*wrap(screen.text(f"{wording.TITLES[result.status]}: {facts}"), width, indent=0), *lines])
