"""Markdown that shows texts of unknown origin and obeys none of them."""

import html
import re

import pytest

import nouns
import sessions
from pytest_llm_latency.report import markdown
from pytest_llm_latency.report.rows import rows

HOSTILE = ("<script>alert(1)</script>", "a|b", "`x`", "[a](http://b)", "**bold**", "# head", "- item", "1. one", "&lt;")


def cells(line: str) -> list[str]:
    """Split a line of a table as GitHub and GitLab do: at every pipe that has no backslash before it."""
    line = line.replace("\u00a0", " ")
    return [each.replace(r"\|", "|").strip() for each in re.findall(r"(?:\\.|[^|\\])+", line.strip("|"))]


def read(code: str) -> str:
    """Return what a reader sees of code in Markdown."""
    if code.startswith("`"):
        return code.strip("`")
    return html.unescape(code.removeprefix("<code>").removesuffix("</code>"))


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_in_a_text_is_taken_for_markup(text: str) -> None:
    """Every character that means something has a backslash before it."""
    shown = markdown.escaped(text)
    assert re.sub(r"\\(.)", r"\1", shown).replace("&#8203;", "") == text
    assert not re.match(r"[-+#>]|\d+[.)]", shown)
    assert re.search(r"(?<!\\)[`*_\[\]<>|~]", shown) is None
    assert re.search(r"(?<!\\)&(?!#8203;)", shown) is None


@pytest.mark.parametrize("text", ["ask @everyone", "see #12", "mail a@b.example"])
def test_nobody_is_mentioned_and_nothing_is_linked(text: str) -> None:
    """The sign is cut off from the word without being seen."""
    assert re.search(r"[@#]\w", html.unescape(markdown.escaped(text))) is None


@pytest.mark.parametrize("name", ["t[a b]", "t[a|b]", "t[a\\|b]", "t[`x`]", "t[<b>]", " t", "t[a`|\\]", "t[@all #1]"])
def test_a_test_id_is_one_cell_of_code_whatever_its_characters(name: str) -> None:
    """A pipe in it would be a column of its own."""
    first, second = cells(f"| {markdown.code(name)} | next |")
    assert (read(first), second) == (name, "next")


def test_a_long_test_id_keeps_its_name() -> None:
    """A table has to stay readable."""
    shown = markdown.code(f"{'folder/' * 40}test_a.py::test_name")
    assert len(shown) < 130
    assert shown.endswith("test_a.py::test_name`")


def test_the_table_says_what_it_was_what_it_is_and_how_sure_that_is() -> None:
    """One line a metric, as many cells as heads."""
    session, _ = sessions.full()
    result = session.results[0]
    head, rule, regressed, passing = markdown.table((result, row) for row in rows(result))
    assert {len(cells(line)) for line in (head, rule, regressed, passing)} == {len(markdown.HEADS)}
    assert cells(regressed) == [
        "`tests/test_chat.py::test_summarise`",
        "ttft",
        "412 ms → 561 ms",
        "**+36 %** (+21 … +53 %)",
        "0.0004",
        "**regressed**",
        "0 %",
    ]


def test_a_run_without_a_baseline_has_its_own_figure_alone() -> None:
    """An arrow would come from nowhere."""
    result = nouns.result("no_baseline")
    (_, _, line, _) = markdown.table((result, row) for row in rows(result))
    assert "→" not in line
    assert cells(line)[3:5] == ["–", "–"]
