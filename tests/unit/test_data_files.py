"""Files of YAML and JSON: where they go wrong."""

import re

import pytest

from pytest_llm_latency import data_files


@pytest.mark.parametrize(
    ("suffix", "text", "said"),
    [
        (".yaml", "a: 1\nb: [c", "line 2, column 6: expected ',' or ']', but got '<stream end>'"),
        (".yml", "a:\n\t- b", "line 2, column 1: found character '\\t' that cannot start any token"),
        (".yaml", "a: \x01", "unacceptable character #x0001: special characters are not allowed in"),
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
