"""File names of tests."""

import re

import pytest

from pytest_llm_latency.storage import names


@pytest.mark.parametrize(
    "test_id",
    [
        "tests/test_chat.py::test_a[gpt-4o mini/ü|<>:*?]",
        "",
        "../../etc/passwd",
        "CON",
        "x" * 5000,
        "t::[\x00\udc80\n]",
        "😀" * 300,
    ],
)
def test_a_slug_is_a_safe_and_bounded_file_name(test_id: str) -> None:
    """Letters, digits and three signs, no dot at the start, and room for an ending."""
    slug = names.slug(test_id)
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", slug)
    assert len(slug) <= 91
    assert slug == names.slug(test_id)


def test_a_slug_reads_as_its_test_and_tells_similar_tests_apart() -> None:
    """Ids that differ only in case or in signs have files of their own on every file system."""
    assert names.slug("tests/test_chat.py::test_a[x]").startswith("tests-test_chat.py-test_a-x-")
    ids = ["t::a", "t::A", "t:a", "t/a", "t::a ", "x" * 500 + "a", "y" + "x" * 499 + "a"]
    assert len({names.slug(each).casefold() for each in ids}) == len(ids)
