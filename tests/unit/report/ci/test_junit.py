"""JUnit XML as GitLab and Jenkins read it."""

from xml.etree import ElementTree as ET

import pytest

import materials
import nouns
from pytest_llm_latency.report.ci import junit
from pytest_llm_latency.report.ci.material import Material

MOST_BYTES = 30_000_000


def cases(made: Material) -> list[ET.Element]:
    """Return the test cases of the one suite."""
    root = ET.fromstring(junit.render(made).encode())
    (suite,) = root.findall("testsuite")
    return suite.findall("testcase")


@pytest.mark.parametrize(
    "made",
    [materials.material(name, "gitlab") for name in ("full", "empty", "passing")]
    + [materials.hostile("gitlab"), materials.many("gitlab")],
    ids=["full", "empty", "passing", "hostile", "many"],
)
def test_the_file_is_xml_with_counts_that_are_those_of_its_cases(made: Material) -> None:
    """It stays far below the size from which GitLab refuses it."""
    text = junit.render(made)
    assert len(text.encode()) < MOST_BYTES
    (suite,) = ET.fromstring(text.encode()).findall("testsuite")
    found = suite.findall("testcase")
    assert suite.get("tests") == str(len(found))
    for kind, attribute in {"failure": "failures", "error": "errors", "skipped": "skipped"}.items():
        assert suite.get(attribute) == str(sum(case.find(kind) is not None for case in found))


def test_a_case_has_its_file_and_the_reasons_why_it_failed() -> None:
    """GitLab links the file and shows the text."""
    case = cases(materials.material("full", "gitlab"))[0]
    assert case.attrib == {
        "classname": "tests.test_chat", "name": "test_summarise", "file": "tests/test_chat.py", "line": "11",
        "time": "40.000",
    }  # fmt: skip
    failure = case.find("failure")
    assert failure is not None
    assert failure.get("message", "").startswith("regressed: ttft p95 412 ms → 561 ms")
    assert "llm-latency baseline accept" in (failure.text or "")
    assert "412 ms" in (case.findtext("system-out") or "")


@pytest.mark.parametrize(
    ("test_id", "classname", "name"),
    [
        ("tests/test_a.py::test_b", "tests.test_a", "test_b"),
        ("tests/test_a.py::TestC::test_b[x/y::z.py]", "tests.test_a.TestC", "test_b[x/y::z.py]"),
        ("test_a.py::test_b[[]", "test_a", "test_b[[]"),
    ],
)
def test_a_case_is_named_as_pytest_names_it(test_id: str, classname: str, name: str) -> None:
    """So that both files are of the same tests."""
    (case,) = cases(materials.of(nouns.result(of=nouns.run([0.2], test_id=test_id))))
    assert (case.get("classname"), case.get("name")) == (classname, name)


def test_what_has_no_result_is_an_error_and_skipped_where_the_session_was_interrupted() -> None:
    """Silence is never green."""
    lost = cases(materials.of(nouns.result(), expected=("t.py::lost",), problems=("disk full",)))
    assert [case.get("name") for case in lost if case.find("error") is not None] == ["lost", "llm-latency"]
    cut = cases(materials.of(nouns.result(), expected=("t.py::late",), interrupted=True))
    assert [case.get("name") for case in cut if case.find("skipped") is not None] == ["late"]


def test_properties_are_texts_with_the_figures_that_there_are() -> None:
    """A step's name stands before its metric; what is unknown is left out."""
    result = nouns.result(
        "regressed",
        comparisons=(
            nouns.comparison("ttft", "regressed"),
            nouns.comparison("e2e", "no_baseline", step="answer", ratio=None, p_value=None, candidate=1.23456789),
            nouns.comparison("error_rate", "pass", ratio=None, p_value=0.5, candidate=0.02),
        ),
    )
    assert dict(junit.properties(result)) == {
        "llm_latency_verdict": "regressed",
        "llm_latency_run": "run-2",
        "llm_latency_ttft_p95": "0.561",
        "llm_latency_ttft_ratio": "1.36",
        "llm_latency_ttft_p_value": "0.0004",
        "llm_latency_answer.e2e_p95": "1.23457",
        "llm_latency_error_rate": "0.02",
        "llm_latency_error_rate_p_value": "0.5",
    }
