"""``-k`` selects tests as pytest does."""

import pytest

from pytest_llm_latency.commands import selection
from pytest_llm_latency.errors import UsageError

IDS = (
    "tests/test_chat.py::test_short",
    "tests/test_chat.py::test_long[gpt-4o]",
    "tests/test_tool.py::test_Call[a or b]",
)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("chat", (0, 1)),
        ("CALL", (2,)),
        ("test_chat.py::test_short", (0,)),
        ("long[gpt-4o]", (1,)),
        ("not chat", (2,)),
        ("not not chat", (0, 1)),
        ("short or call", (0, 2)),
        ("chat and long", (1,)),
        ("chat and not long or call", (0, 2)),
        ("chat and not (long or call)", (0,)),
        ("not (chat)", (2,)),
        ("nothing", ()),
    ],
)
def test_words_and_operators_select_ids(expression: str, expected: tuple[int, ...]) -> None:
    """Words are parts of ids in either case; ``not`` binds before ``and``, and ``and`` before ``or``."""
    selects = selection.parse(expression)
    assert tuple(number for number, test_id in enumerate(IDS) if selects(test_id)) == expected


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("", "a word is missing"),
        ("and", "a word is missing"),
        ("a and", "a word is missing"),
        ("a or or b", "a word is missing"),
        ("(a", r"a '\)' is missing"),
        ("a)", r"'\)' is not expected"),
        ("a b", "'b' is not expected"),
        ("()", "a word is missing"),
        ("not", "a word is missing"),
    ],
)
def test_an_expression_that_cannot_be_read_says_why(expression: str, reason: str) -> None:
    """The message ends with what to write."""
    with pytest.raises(UsageError, match=rf"cannot be read \({reason}\): write parts of test ids"):
        selection.parse(expression)
