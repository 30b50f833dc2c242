"""Whatever was measured, every report can be made of it."""

import json
import math
from importlib import resources
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import materials
import nouns
from pytest_llm_latency.metrics import METRICS
from pytest_llm_latency.model import Comparison, LimitCheck, Result, Session
from pytest_llm_latency.report import html, json_report, terminal
from pytest_llm_latency.report.ci.formats import render_all
from pytest_llm_latency.report.ci.material import Material
from pytest_llm_latency.report.ci.place import SERVERS

SCHEMA = json.loads(
    (resources.files("pytest_llm_latency.report") / "schema" / "results-1.json").read_text(encoding="utf-8")
)
STATUSES = st.sampled_from(["pass", "improved", "regressed", "inconclusive", "no_baseline", "incomparable", "invalid"])
NUMBERS = st.one_of(st.none(), st.floats(min_value=0, allow_nan=False))
RATIOS = st.one_of(st.none(), st.floats(min_value=0, max_value=1e6), st.just(math.inf))
LATENCIES = st.lists(st.one_of(st.none(), st.floats(min_value=1e-6, max_value=600)), max_size=8)
TEXT = st.text(max_size=12)


@st.composite
def comparisons(draw: st.DrawFn) -> Comparison:
    """Draw a judged metric."""
    low, high = draw(RATIOS), draw(RATIOS)
    return nouns.comparison(
        draw(st.sampled_from(["ttft", "e2e", "throughput"])),
        draw(STATUSES),
        step=draw(st.sampled_from([None, "a"])),
        baseline=draw(NUMBERS),
        candidate=draw(NUMBERS),
        ratio=draw(RATIOS),
        interval=None if low is None or high is None else (min(low, high), max(low, high)),
        p_value=draw(st.one_of(st.none(), st.floats(min_value=0, max_value=1))),
        needed=draw(st.one_of(st.none(), st.integers(min_value=1, max_value=10**6))),
        reasons=(draw(TEXT),),
    )


@st.composite
def limits(draw: st.DrawFn) -> LimitCheck:
    """Draw an absolute limit."""
    return nouns.limit(draw(TEXT), draw(STATUSES), value=draw(NUMBERS), message=draw(TEXT))


@st.composite
def results(draw: st.DrawFn) -> Result:
    """Draw a test with its runs."""
    run = nouns.run(draw(LATENCIES), test_id=draw(TEXT))
    baseline = [nouns.run(draw(LATENCIES)) for _ in range(draw(st.integers(0, 2)))]
    return nouns.result(
        draw(STATUSES),
        of=run,
        baseline=baseline,
        comparisons=tuple(draw(st.lists(comparisons(), max_size=3))),
        limits=tuple(draw(st.lists(limits(), max_size=2))),
        reasons=(draw(TEXT),),
        environment_changes=(draw(TEXT),),
    )


SESSIONS = st.builds(
    lambda found, interrupted: nouns.session(*found, interrupted=interrupted),
    st.lists(results(), max_size=3),
    st.booleans(),
)


@settings(derandomize=True, max_examples=40, deadline=None)
@given(session=SESSIONS)
def test_the_json_document_follows_the_schema(session: Session) -> None:
    """And a strict reader reads it."""
    text = json_report.dumps(json_report.document(session, definitions=METRICS))
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(text.encode("utf-8")))


@settings(derandomize=True, max_examples=40, deadline=None)
@given(session=SESSIONS, width=st.integers(20, 200), verbosity=st.integers(-1, 2), unicode=st.booleans())
def test_the_terminal_section_is_printable(session: Session, width: int, verbosity: int, *, unicode: bool) -> None:
    """On every width and encoding, one line a line."""
    lines = terminal.lines(session, width=width, verbosity=verbosity, artefacts=(), unicode=unicode)
    assert all(line.text.isprintable() for line in lines)
    assert unicode or all(line.text.isascii() for line in lines)
    for result in session.results:
        assert terminal.failure_message(result).splitlines()[0]
        assert terminal.section(result, unicode=False).isascii()


@settings(derandomize=True, max_examples=40, deadline=None)
@given(session=SESSIONS, data=st.data())
def test_the_page_is_made(session: Session, data: st.DataObject) -> None:
    """With and without raw runs, of whatever shape."""
    evidence = {
        result.test_id: nouns.evidence(nouns.run(data.draw(LATENCIES)), nouns.run(data.draw(LATENCIES)))
        for result in session.results
    }
    page = html.render(session, evidence)
    assert page.endswith("</html>\n")
    assert "nan" not in page.partition("</style>")[2].partition("<script>")[0].replace("inline", "").lower().split()
    page.encode("utf-8")


@settings(derandomize=True, max_examples=30, deadline=None)
@given(session=SESSIONS, latencies=LATENCIES, server=st.sampled_from(list(SERVERS)))
def test_the_files_of_a_ci_are_made(session: Session, latencies: list[float | None], server: str) -> None:
    """JSON without infinities, XML that is XML, tables whose rows have as many columns as their heads."""
    evidence = {result.test_id: nouns.evidence(nouns.run(latencies)) for result in session.results}
    made = Material(session=session, evidence=evidence, place=materials.place(server))
    for name, content in render_all(made).items():
        text = content.decode()
        if name.endswith(".json"):
            json.loads(text, parse_constant=lambda constant: pytest.fail(f"{constant} is no number"))
        elif name.endswith(".xml"):
            ET.fromstring(content)
        elif name.endswith(".csv") and text:
            lines = text.split("\n")[:-1]
            assert {line.count(",") for line in lines} == {lines[0].count(",")}
        elif name.endswith(".md"):
            assert text.count("<details>") == text.count("</details>")
