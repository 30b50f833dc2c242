"""Annotations as the runner reads them, and the outputs of a step."""

import re
from urllib.parse import unquote

import pytest

import materials
import nouns
from pytest_llm_latency.report.ci import github
from pytest_llm_latency.report.ci.material import Material

COMMAND = re.compile(r"::(?P<kind>\w+) (?P<properties>.*?)::(?P<message>.*)")


def read(text: str) -> list[dict[str, str]]:
    """Read workflow commands as the runner does: a line each, properties split at commas, then unescaped."""
    found = []
    for line in text.split("\n")[:-1]:
        match = COMMAND.fullmatch(line)
        assert match is not None, line
        properties = dict(each.split("=", 1) for each in match["properties"].split(","))
        told = {name: unquote(value) for name, value in properties.items()}
        found.append({"kind": match["kind"], "message": unquote(match["message"]), **told})
    return found


def test_an_annotation_names_file_line_and_what_happened() -> None:
    """With what to do about it below."""
    (told,) = read(
        github.annotations(
            materials.of(nouns.result("regressed", comparisons=(nouns.comparison("ttft", "regressed"),)))
        )
    )
    assert (told["kind"], told["file"], told["line"]) == ("error", "tests/test_chat.py", "12")
    assert told["title"] == "regressed: tests/test_chat.py::test_summarise"
    first, *_, last = told["message"].split("\n")
    assert first.startswith("ttft p95 412 ms → 561 ms (+36 %, 95 % interval +21 … +53 %), p = 0.0004")
    assert last == "llm-latency baseline accept --test tests/test_chat.py::test_summarise"


def test_a_test_is_annotated_once_with_all_that_is_said_of_it() -> None:
    """Ten places are too few to spend several on one; what two findings share is said once."""
    compared = (nouns.comparison("ttft", "regressed"), nouns.comparison("e2e", "regressed", ratio=1.5))
    (told,) = read(github.annotations(materials.of(nouns.result("regressed", comparisons=compared))))
    lines = told["message"].split("\n")
    assert [line.split(" p95")[0] for line in lines if " p95 412 ms" in line] == ["e2e", "ttft"]
    assert len(set(lines)) == len(lines)


def test_what_does_not_fail_the_build_is_a_warning() -> None:
    """Errors come first."""
    kinds = [each["kind"] for each in read(github.annotations(materials.material()))]
    assert kinds == sorted(kinds)
    assert set(kinds) == {"error", "warning"}


def test_ten_annotations_are_shown_and_the_last_one_counts_the_rest() -> None:
    """GitHub drops the eleventh of a step without a word."""
    told = read(github.annotations(materials.many()))
    assert len(told) == 10
    assert [each["title"].rpartition("_")[2] for each in told[:9]] == [str(each) for each in range(499, 490, -1)]
    assert told[9]["message"] == "491 more: see the summary of the job"


@pytest.mark.parametrize("made", [materials.hostile(), materials.material()])
def test_no_text_ends_an_annotation_or_begins_another(made: Material) -> None:
    """Each problem is one line with its own properties."""
    told = read(github.annotations(made))
    assert {name for each in told for name in each} <= {"kind", "message", "file", "line", "title"}
    assert all(each["message"] for each in told)


def test_a_percent_sign_in_a_text_stays_one() -> None:
    """Otherwise what follows it would be taken for an escaped character."""
    (told, *_) = read(github.annotations(materials.of(nouns.result(), problems=("100 %0A, 5 %",))))
    assert told["message"] == "100 %0A, 5 %"


def test_a_problem_without_a_file_is_annotated_without_one() -> None:
    """Such as a file that could not be written."""
    (told,) = read(github.annotations(materials.of(nouns.result(), problems=("the disk is full: free space.",))))
    assert told == {"kind": "error", "title": "invalid: LLM latency", "message": "the disk is full: free space."}


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (materials.material("passing"), "verdict=pass\nfails=false\n"),
        (materials.material("empty"), "verdict=none\nfails=false\n"),
        (materials.material("full"), "verdict=invalid\nfails=true\n"),
        (materials.of(nouns.result(), expected=("lost",)), "verdict=invalid\nfails=true\n"),
        (materials.of(nouns.result("no_baseline")), "verdict=no_baseline\nfails=false\n"),
    ],
)
def test_the_outputs_of_the_step_are_the_gravest_verdict_and_whether_it_fails(made: Material, expected: str) -> None:
    """What is missing is never a pass."""
    assert github.outputs(made) == expected
