"""JUnit XML of the family xunit1, as pytest writes it, with the latency tests alone."""

import re
from collections.abc import Iterator
from xml.etree import ElementTree as ET

from pytest_llm_latency.metrics import ERROR_RATE
from pytest_llm_latency.model import Result
from pytest_llm_latency.report import terminal, wording
from pytest_llm_latency.report.ci.material import Material
from pytest_llm_latency.report.ci.problems import Problem, problems

# What XML 1.0 does not allow, escaped or not.
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")


def render(material: Material) -> str:
    """Return a test suite with a case for each latency test, and one for each problem of the session."""
    session = material.session
    cases = [_case(result, material.place.path(result.file)) for result in session.results]
    cases += [_without_result(each) for each in problems(session, material.place) if each.about in _OF_SESSION]
    if session.interrupted:
        cases += [_skipped(test_id) for test_id in wording.missing(session)]
    counted = {kind: sum(case.find(kind) is not None for case in cases) for kind in ("error", "failure", "skipped")}
    suite = ET.Element(
        "testsuite",
        name="llm-latency",
        errors=str(counted["error"]),
        failures=str(counted["failure"]),
        skipped=str(counted["skipped"]),
        tests=str(len(cases)),
        time=f"{session.duration_s:.3f}",
        timestamp=session.started_at,
    )
    suite.extend(cases)
    suites = ET.Element("testsuites", name="llm-latency")
    suites.append(suite)
    ET.indent(suites)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(suites, encoding="unicode")}\n'


_OF_SESSION = frozenset({"missing", "session"})


def properties(result: Result) -> Iterator[tuple[str, str]]:
    """Return what stands in a JUnit file for a result."""
    yield "llm_latency_verdict", result.status
    yield "llm_latency_run", result.run_id
    for comparison in result.comparisons:
        name = comparison.metric if comparison.step is None else f"{comparison.step}.{comparison.metric}"
        verdict = comparison.verdict
        judged = "" if comparison.metric == ERROR_RATE else "_p95"
        for key, value in ((judged, verdict.candidate), ("_ratio", verdict.ratio), ("_p_value", verdict.p_value)):
            if value is not None:
                yield f"llm_latency_{name}{key}", f"{value:.6g}"


def _case(result: Result, file: str) -> ET.Element:
    # pytest counts the lines from 0 here.
    line = None if result.line is None else result.line - 1
    case = _named(result.test_id, file, line=line, seconds=result.duration_s)
    listed = ET.SubElement(case, "properties")
    for name, value in properties(result):
        ET.SubElement(listed, "property", name=_text(name), value=_text(value))
    if result.fails:
        message = terminal.failure_message(result)
        ET.SubElement(case, "failure", message=_text(wording.headline(result))).text = _text(message)
    ET.SubElement(case, "system-out").text = _text(terminal.section(result, width=100))
    return case


def _without_result(problem: Problem) -> ET.Element:
    case = _named(problem.test_id or "llm-latency", problem.file, line=None, seconds=0.0)
    ET.SubElement(case, "error", message=_text(problem.sentence)).text = _text(problem.sentence)
    return case


def _skipped(test_id: str) -> ET.Element:
    case = _named(test_id, None, line=None, seconds=0.0)
    ET.SubElement(case, "skipped", message="the session was interrupted before this test")
    return case


def _named(test_id: str, file: str | None, *, line: int | None, seconds: float) -> ET.Element:
    """Return a case whose names are made of a test id as pytest makes them."""
    address, bracket, parameters = test_id.partition("[")
    first, *inner = address.split("::")
    names = [first.replace("/", ".").removesuffix(".py"), *inner]
    names[-1] += bracket + parameters
    optional = {"file": file, "line": None if line is None else str(line)}
    return ET.Element(
        "testcase",
        {name: _text(value) for name, value in optional.items() if value is not None},
        classname=_text(".".join(names[:-1])),
        name=_text(names[-1]),
        time=f"{seconds:.3f}",
    )


def _text(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)
