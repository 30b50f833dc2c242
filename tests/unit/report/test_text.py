"""Lines, and how text is fitted into columns."""

import pytest

from pytest_llm_latency.report import text
from pytest_llm_latency.report.text import Line, Span


def test_a_line_is_the_text_of_its_spans() -> None:
    """The markup is not part of the text."""
    assert Line(spans=(Span(text="a", markup=("red",)), Span(text="b"))).text == "ab"


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (60, "tests/unit/test_chat.py::TestChat::test_summarise[gpt-4o]"),
        (54, "…/unit/test_chat.py::TestChat::test_summarise[gpt-4o]"),
        (50, "…/test_chat.py::TestChat::test_summarise[gpt-4o]"),
        (40, "…::TestChat::test_summarise[gpt-4o]"),
        (20, "TestChat::…e[gpt-4o]"),
    ],
)
def test_a_test_id_loses_folders_then_its_file_then_its_middle(width: int, expected: str) -> None:
    """The end of a test id is what tells it from its neighbours."""
    shortened = text.shorten("tests/unit/test_chat.py::TestChat::test_summarise[gpt-4o]", width)
    assert shortened == expected
    assert len(shortened) <= width


@pytest.mark.parametrize(
    ("histogram", "width", "expected"),
    [
        ((), 8, ""),
        ((0, 0), 8, ""),
        ((1, 7, 0, 14), 8, "▁▄ █"),
        ((1, 1, 7, 7), 2, "▂█"),
        ((5,), 8, "█"),
    ],
)
def test_a_sparkline_has_one_block_a_bin_and_a_gap_for_none(
    histogram: tuple[int, ...], width: int, expected: str
) -> None:
    """More bins than columns are put together."""
    assert text.sparkline(histogram, width) == expected


def test_text_of_unknown_origin_moves_no_cursor() -> None:
    """Escape sequences, line ends and lone surrogates become spaces."""
    assert text.plain("a\x1b[2Jb\nc\udc80d") == "a [2Jb c d"


def test_an_ascii_stream_gets_what_it_can_show() -> None:
    """What has no ASCII form of its own becomes a question mark."""
    assert text.encodable("412 ms → 561 ms … ±0 % ▁█ 日", unicode=False) == "412 ms -> 561 ms ... +-0 % _# ?"
    assert text.encodable("→", unicode=True) == "→"


def test_a_number_stays_with_its_unit_when_a_sentence_is_broken() -> None:
    """A unit alone at the start of a line cannot be read."""
    lines = text.wrap("the p95 of this benchmark is 561 ms", 31, indent=2)
    assert lines == ["  the p95 of this benchmark is", "  561 ms"]


def test_no_line_of_a_broken_sentence_is_a_command_of_a_ci() -> None:
    """GitHub obeys each line of a log that begins with two colons, whatever spaces stand before them."""
    said = "1 time ValueError:  ::stop-commands::x and more ::error::y"
    for width in range(20, 60):
        lines = text.wrap(said, width, indent=2)
        assert not any(line.lstrip().startswith("::") for line in lines)
    assert text.wrap("an error ::of", 80, indent=0) == ["an error ::of"]
