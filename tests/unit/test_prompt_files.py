"""Prompts are read from the files in which people keep them."""

from pathlib import Path

import pytest

from pytest_llm_latency import prompt_files
from pytest_llm_latency.errors import MarkerError
from pytest_llm_latency.prompts import Input

MESSAGES = ({"role": "system", "content": "Be brief."}, {"role": "user", "content": "b"})


def written(folder: Path, name: str, text: str) -> Path:
    """Write a file."""
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


JSON_MESSAGES = '[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "b"}]'


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.jsonl", f'"a"\n\n{{"messages": {JSON_MESSAGES}}}'),
        ("a.JSONL", f'{{"prompt": "a"}}\n{JSON_MESSAGES}'),
        ("a.json", f'["a", {JSON_MESSAGES}]'),
        ("a.json", f'{{"prompts": [{{"text": "a"}}, {JSON_MESSAGES}]}}'),
        ("a.yaml", "- a\n- - {role: system, content: Be brief.}\n  - {role: user, content: b}\n"),
        ("a.yml", f"prompts:\n- prompt: a\n- messages: {JSON_MESSAGES}\n"),
    ],
)
def test_a_prompt_is_a_text_or_messages_by_themselves_or_in_a_mapping(tmp_path: Path, name: str, text: str) -> None:
    """The same two prompts in every kind of file."""
    assert [each.prompt for each in prompt_files.read(written(tmp_path, name, text))] == ["a", MESSAGES]


def test_a_text_file_has_a_prompt_a_line(tmp_path: Path) -> None:
    """Empty lines and a byte order mark are none; the ends of lines are not part of it."""
    found = prompt_files.read(written(tmp_path, "a.txt", "\ufeffa b\r\n\n  c\n"))
    assert [each.prompt for each in found] == ["a b", "c"]


def test_a_prompt_may_bound_its_answer(tmp_path: Path) -> None:
    """As a request does; what else stands there is the author's."""
    found = prompt_files.read(written(tmp_path, "a.jsonl", '{"prompt": "a", "max_tokens": 9, "id": 3}'))
    assert found == (Input(prompt="a", max_tokens=9),)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "a.jsonl",
            '"a"\n{"prompt"}',
            r"a\.jsonl, line 2, column 10: Expecting .*: write one JSON value a line\.$",
        ),
        ("a.jsonl", '{"question": "a"}', r"a\.jsonl, line 1: this is no prompt: write a text, .*\.$"),
        ("a.jsonl", '{"prompt": "a", "max_tokens": 0}', r"line 1: max_tokens is 0: it must be a whole number"),
        ("a.jsonl", '[{"content": "a"}]', r"line 1: this is no prompt"),
        ("a.json", "[1]", r"a\.json, entry 1: this is no prompt"),
        ("a.json", '{"a": 1}', r"a\.json: a list of prompts belongs there, or a mapping with the key 'prompts'\.$"),
        ("a.json", "[", r"a\.json, line 1, column 2: Expecting value: write a JSON list of prompts\.$"),
        (
            "a.yaml",
            "- [",
            r"a\.yaml, line 1, column 4: expected the node content, .*: write a YAML list of prompts\.$",
        ),
        ("a.txt", "\n \n", r"a\.txt has no prompts: write at least one\.$"),
        ("a.csv", "a", r"a\.csv: a file of prompts ends with \.txt, \.jsonl, .*: rename or convert it\.$"),
    ],
)
def test_a_file_that_cannot_be_read_says_where_and_what_to_do(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    """One message with the file and the place."""
    with pytest.raises(MarkerError, match=message):
        prompt_files.read(written(tmp_path, name, text))


def test_a_file_that_is_not_there_or_no_text_says_so(tmp_path: Path) -> None:
    """And what to do."""
    with pytest.raises(MarkerError, match=r"a\.txt cannot be read \(No such file.*: check the path\.$"):
        prompt_files.read(tmp_path / "a.txt")
    (tmp_path / "b.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(MarkerError, match=r"b\.txt is not UTF-8: save it as UTF-8\.$"):
        prompt_files.read(tmp_path / "b.txt")
