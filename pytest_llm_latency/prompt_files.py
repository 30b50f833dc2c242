"""Prompts as people keep them: a text with one a line, JSON Lines, JSON or YAML."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from pytest_llm_latency import data_files
from pytest_llm_latency.errors import MarkerError
from pytest_llm_latency.prompts import Input

_REMEDY = 'write a text, a list of messages, {"prompt": ...} or {"messages": [...]}'


def read(path: Path) -> tuple[Input, ...]:
    """Return the inputs of a file; raise ``MarkerError`` that names the file and the place in it."""
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise MarkerError(f"{path}: a file of prompts ends with {', '.join(_READERS)}: rename or convert it.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise MarkerError(f"{path} cannot be read ({error.strerror or error}): check the path.") from None
    except UnicodeDecodeError:
        raise MarkerError(f"{path} is not UTF-8: save it as UTF-8.") from None
    inputs = tuple(of_value(value, f"{path}, {place}") for place, value in reader(text, path))
    if not inputs:
        raise MarkerError(f"{path} has no prompts: write at least one.")
    return inputs


def of_value(value: object, where: str) -> Input:
    """Return the input that a text, messages or a mapping is; ``where`` is its place for messages."""
    bound = None
    if isinstance(value, Mapping):
        bound = value.get("max_tokens")
        value = value.get("messages", value.get("prompt", value.get("text")))
    if bound is not None and (isinstance(bound, bool) or not isinstance(bound, int) or bound < 1):
        raise MarkerError(f"{where}: max_tokens is {bound!r}: it must be a whole number of at least 1.")
    if isinstance(value, str) and value.strip():
        return Input(prompt=value, max_tokens=bound)
    if isinstance(value, Sequence) and value and all(isinstance(each, Mapping) and "role" in each for each in value):
        return Input(prompt=tuple(dict(each) for each in value), max_tokens=bound)
    raise MarkerError(f"{where}: this is no prompt: {_REMEDY}.")


_Numbered = Iterator[tuple[str, object]]


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.split("\n"), start=1):  # a JSON text may hold other ends of lines
        if line.strip():
            yield number, line.strip()


def _read_text(text: str, _: Path) -> _Numbered:
    for number, line in _lines(text):
        yield f"line {number}", line


def _read_json_lines(text: str, path: Path) -> _Numbered:
    for number, line in _lines(text):
        try:
            yield f"line {number}", data_files.parse_json(line)
        except ValueError as error:
            said = str(error).removeprefix("line 1, ")
            raise MarkerError(f"{path}, line {number}, {said}: write one JSON value a line.") from None


def _read_json(text: str, path: Path) -> _Numbered:
    try:
        return _entries(data_files.parse_json(text), path)
    except ValueError as error:
        raise MarkerError(f"{path}, {error}: write a JSON list of prompts.") from None


def _read_yaml(text: str, path: Path) -> _Numbered:
    try:
        return _entries(data_files.parse(text, suffix=".yaml"), path)
    except ValueError as error:
        raise MarkerError(f"{path}, {error}: write a YAML list of prompts.") from None


def _entries(content: object, path: Path) -> _Numbered:
    if isinstance(content, Mapping) and "prompts" in content:
        content = content["prompts"]
    if not isinstance(content, list):
        raise MarkerError(f"{path}: a list of prompts belongs there, or a mapping with the key 'prompts'.")
    return ((f"entry {number}", value) for number, value in enumerate(content, start=1))


_READERS: Mapping[str, Callable[[str, Path], _Numbered]] = MappingProxyType({
    ".txt": _read_text,
    ".jsonl": _read_json_lines,
    ".json": _read_json,
    ".yaml": _read_yaml,
    ".yml": _read_yaml,
})
