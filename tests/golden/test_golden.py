"""Reports of fixed sessions, compared with the files beside this one.

After a wanted change, ``LLM_LATENCY_UPDATE_GOLDEN=1 pytest tests/golden`` writes them anew; the
difference is what a reviewer reads.
"""

import os
import re
from pathlib import Path

import pytest

import sessions
from pytest_llm_latency.metrics import METRICS
from pytest_llm_latency.report import html, json_report, terminal

FILES = Path(__file__).parent / "files"
UPDATE = os.environ.get("LLM_LATENCY_UPDATE_GOLDEN") == "1"
SESSIONS = pytest.mark.parametrize("name", sessions.SESSIONS)


def compare(name: str, text: str) -> None:
    """Compare a report with its file, or write the file."""
    path = FILES / name
    if UPDATE:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    assert text == path.read_text(encoding="utf-8")


def marked(lines: list[terminal.Line]) -> str:
    """Write lines with their markup in brackets."""
    return "".join(
        "".join(f"[{' '.join(span.markup)}|{span.text}]" if span.markup else span.text for span in line.spans) + "\n"
        for line in lines
    )


@SESSIONS
@pytest.mark.parametrize(
    ("view", "width", "verbosity", "unicode"),
    [
        ("80", 80, 0, True),
        ("120-verbose", 120, 1, True),
        ("80-quiet", 80, -1, True),
        ("80-ascii", 80, 0, False),
    ],
)
def test_the_terminal_section_is_as_it_was(name: str, view: str, width: int, verbosity: int, *, unicode: bool) -> None:
    """Lines with their markup, for widths, verbosities and encodings."""
    session, _ = sessions.SESSIONS[name]()
    found = terminal.lines(session, width=width, verbosity=verbosity, artefacts=sessions.ARTEFACTS, unicode=unicode)
    compare(f"terminal-{name}-{view}.txt", marked(found))


@pytest.mark.parametrize("name", ["full", "passing"])
def test_the_texts_of_a_test_are_as_they_were(name: str) -> None:
    """The native failure and the report section of each result."""
    session, _ = sessions.SESSIONS[name]()
    texts = [f"{terminal.failure_message(each)}\n\n{terminal.section(each)}\n" for each in session.results]
    compare(f"failure-{name}.txt", "\n====\n\n".join(texts))


@SESSIONS
def test_the_json_document_is_as_it_was(name: str) -> None:
    """The whole document."""
    session, _ = sessions.SESSIONS[name]()
    compare(f"results-{name}.json", json_report.dumps(json_report.document(session, definitions=METRICS)))


@SESSIONS
def test_the_html_page_is_as_it_was(name: str) -> None:
    """The page without its style, script and policy, which have tests of their own."""
    page = html.render(*sessions.SESSIONS[name]())
    page = re.sub(r"(?s)<(style|script)>.*?</\1>", r"<\1></\1>", page)
    page = re.sub(r"sha256-[\w+/=]+", "sha256-HASH", page)
    compare(f"page-{name}.html", page)
