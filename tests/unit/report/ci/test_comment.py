"""The comment on a merge request and the summary of a job."""

import dataclasses
import re

import pytest

import materials
import nouns
from pytest_llm_latency.report.ci import comment
from pytest_llm_latency.report.ci.material import Material
from pytest_llm_latency.report.ci.place import MEBIBYTE

FIRST_SCREEN = 30


def first_screen(made: Material) -> str:
    """Return what is read without scrolling and unfolding."""
    shown = comment.comment(made).replace("\u00a0", " ").partition("<details>")[0].splitlines()
    assert len(shown) <= FIRST_SCREEN
    return "\n".join(shown)


def test_the_first_screen_says_what_regressed_by_how_much_and_what_to_do() -> None:
    """Before anything that has to be unfolded."""
    shown = first_screen(materials.material())
    assert shown.splitlines()[1] == "## ❌ LLM latency: 2 of 5 benchmarks failed: 1 invalid, 1 regressed"
    assert (
        "| `tests/test_chat.py::test_summarise` | ttft | 412 ms → 561 ms | **+36 %** (+21 … +53 %) | 0.0004 | "
        "**regressed** | 0 % |"
    ) in shown
    assert "- **regressed** `tests/test_chat.py::test_summarise`: ttft p95 is 561 ms, above the limit" in shown
    assert "- **invalid** `tests/test_chat.py::test_refused`: All 20 requests failed" in shown
    assert "\nllm-latency baseline accept --test tests/test_chat.py::test_summarise\n" in shown
    assert "**2 benchmarks without a baseline.** If this run is good, make it the baseline, in a checkout with" in shown
    assert r"**Changed in the environment:** litellm 1.99.0 → 1.100.0" in shown


def test_nothing_got_slower_is_said_in_one_line() -> None:
    """The figures are folded below it."""
    shown = first_screen(materials.material("passing"))
    assert shown.splitlines()[1:] == ["## ✅ LLM latency: Nothing got slower in 1 benchmark"]
    assert "<summary>All 1 benchmark</summary>" in comment.comment(materials.material("passing"))


def test_a_session_without_results_says_so() -> None:
    """And has no empty table."""
    text = comment.comment(materials.material("empty"))
    assert "## ⚠️ LLM latency: No benchmark was measured" in text
    assert "|" not in text


def test_what_could_not_be_decided_is_on_the_first_screen_where_nothing_failed() -> None:
    """With the number of requests that would settle it."""
    open_ = nouns.comparison("ttft", "inconclusive", ratio=1.18, needed=240, reasons=())
    shown = first_screen(materials.of(nouns.result("inconclusive", comparisons=(open_,))))
    assert "## ⚠️ LLM latency: No regression found; 1 of 1 benchmark could not be decided" in shown
    assert "| +18 % (-5 … +10 %) | 0.44 | inconclusive | 0 % |" in shown
    assert "Raise requests from 100 to about 240 in the marker to settle it" in shown


def test_the_first_line_is_the_same_in_every_run_of_an_environment() -> None:
    """By it the comment of the last run is found."""
    lines = {comment.comment(materials.material(name)).splitlines()[0] for name in ("full", "passing", "empty")}
    assert lines == {"<!-- pytest-llm-latency: default -->"}


def test_hundreds_of_regressions_are_cut_with_a_word_and_nothing_is_left_open() -> None:
    """The worst are on the first screen; what is left out is counted, and every fold is closed."""
    made = materials.many()
    text = comment.comment(made)
    assert comment.COMMENT_LIMIT - 1000 < len(text.encode()) <= comment.COMMENT_LIMIT
    assert "… and 490 more rows below." in first_screen(made)
    worst = [line for line in first_screen(made).splitlines() if "**regressed**" in line]
    assert re.findall(r"test_(\d+)`", worst[0]) == ["499"]
    assert len(worst) == 10
    assert re.search(r"… and [\d,]+ more lines in the HTML report", text)
    assert text.count("<details>") == text.count("</details>") == 2
    assert "# and the same for 497 more" in text


def test_hundreds_of_benchmarks_that_each_need_something_else_do_not_fill_the_first_screen() -> None:
    """Each has a number of requests of its own that would settle it."""
    results = [
        nouns.result(
            "inconclusive",
            of=nouns.run([0.2] * 60, test_id=f"t.py::test_{number}"),
            comparisons=(nouns.comparison("ttft", "inconclusive", needed=200 + number),),
        )
        for number in range(200)
    ]
    shown = first_screen(materials.of(*results))
    assert shown.count("Raise requests from") == 3
    assert "… and 197 more things to do, in the HTML report." in shown


def test_the_summary_is_as_long_as_github_takes_and_no_longer() -> None:
    """Other commands of the step may have written to it before."""
    made = materials.many()
    whole = comment.summary(made)
    assert len(whole.encode()) < MEBIBYTE
    assert "more lines in the HTML report" not in whole
    for room in (100_000, 10_000, 4_000):
        cut = dataclasses.replace(made, place=dataclasses.replace(made.place, summary_room=room))
        assert room - 1000 < len(comment.summary(cut).encode()) <= room
    none = dataclasses.replace(made, place=dataclasses.replace(made.place, summary_room=50))
    assert comment.summary(none) == ""


def test_no_text_of_a_provider_breaks_out_of_its_place() -> None:
    """Neither a tag, nor a link, nor a mention, nor a further column."""
    text = re.sub(r"(?s)```.*?```", "", comment.comment(materials.hostile()))
    tags = {"<details>", "</details>", "<code>", "</code>", "<summary>", "</summary>"}
    assert set(re.findall(r"(?<!\\)</?[a-z]+>", text)) <= tags
    assert not re.search(r"(?<!\\)\[z", text)
    assert "@everyone" not in text
    columns = [len(re.findall(r"(?<!\\)\|", line)) for line in text.splitlines() if line.startswith("|")]
    assert set(columns) == {8}


@pytest.mark.parametrize("tail", ["`", "```", "``` x"])
def test_a_command_with_backticks_stays_in_its_fence(tail: str) -> None:
    """The fence is longer than any run of them."""
    run = nouns.run([0.2], test_id=f"t.py::test[{tail}]")
    made = materials.of(nouns.result("regressed", of=run, comparisons=(nouns.comparison("ttft", "regressed"),)))
    fence = re.search(r"(?m)^(`+)console\n(.*)\n\1$", comment.comment(made))
    assert fence is not None
    assert len(fence[1]) > max(len(each) for each in re.findall("`+", fence[2]))


def test_the_job_is_linked_where_its_page_is_known() -> None:
    """With what would end the link escaped."""
    made = materials.material()
    assert comment.comment(made).endswith("[the job, with the HTML report](https://ci.example/runs/7)\n")
    spaced = dataclasses.replace(made, place=dataclasses.replace(made.place, url="https://j/job/a (b)/7/"))
    assert "(https://j/job/a%20%28b%29/7/)" in comment.comment(spaced)
    nowhere = dataclasses.replace(made, place=dataclasses.replace(made.place, url=None))
    assert "HTML report](" not in comment.comment(nowhere)
