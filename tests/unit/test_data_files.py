"""Files of YAML and JSON: where they go wrong."""

import gc
import re

import pytest

from pytest_llm_latency import data_files


@pytest.mark.parametrize(
    ("suffix", "text", "said"),
    [
        (".yaml", "a: 1\nb: [c", "line 2, column 6: expected ',' or ']', but got '<stream end>'"),
        (".yml", "a:\n\t- b", "line 2, column 1: found character '\\t' that cannot start any token"),
        (".yaml", "a: b\nc: \x01", "line 2, column 4: the character U+0001 is not allowed"),
        (".yaml", "a: b\n---\nc: d", "line 2, column 1: expected a single document in the stream but found another"),
        (".yaml", "a: 2024-13-45", "it has a date that there is not (month must be in 1..12), unless"),
        (".json", '{"a": 1\n"b"', "line 2, column 1: Expecting ',' delimiter"),
    ],
)
def test_a_broken_file_is_told_with_its_line_and_in_one_line(suffix: str, text: str, said: str) -> None:
    """The parsers' own words quote the file over several lines, with marks below."""
    with pytest.raises(ValueError, match=re.escape(said)) as caught:
        data_files.parse(text, suffix=suffix)
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)


def test_sound_files_have_their_content() -> None:
    """YAML where the name does not say JSON."""
    assert data_files.parse("a: [1, b]", suffix=".yaml") == {"a": [1, "b"]}
    assert data_files.parse('{"a": [1, "b"]}', suffix=".json") == {"a": [1, "b"]}


@pytest.mark.parametrize("text", ["[" * 10_000 + "]" * 10_000, "- " * 10_000])
def test_what_is_nested_too_deeply_is_an_error_and_not_the_end_of_the_process(text: str) -> None:
    """As libyaml would make it."""
    with pytest.raises((ValueError, RecursionError)):
        data_files.parse(text, suffix=".yaml")
    assert gc.isenabled()
