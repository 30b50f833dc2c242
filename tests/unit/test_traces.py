"""Trace files are read as the public ones are written."""

from pathlib import Path

import pytest

from pytest_llm_latency import traces
from pytest_llm_latency.errors import MarkerError
from pytest_llm_latency.model import Trace

AZURE = (
    "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6805900,374,44\n2023-11-16 18:15:50.9951690,396,109\n"
)
BURST = (
    "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
    "5,ChatGPT,472,18,490,a\n45.5,GPT-4,1087,0,1,b\n"
)
MOONCAKE = (
    '{"timestamp": 0, "input_length": 6758, "output_length": 500, "hash_ids": [0, 1]}\n'
    '{"timestamp": 3500, "input_length": 7322, "output_length": 490, "hash_ids": []}\n'
)
VIDUR = "arrived_at,num_prefill_tokens,num_decode_tokens\n0.5,10,20\n0.75,11,21\n"


def read(folder: Path, text: str, name: str = "a.csv", count: int | None = None) -> Trace:
    """Read a trace of this text."""
    (folder / name).write_text(text, encoding="utf-8")
    return traces.read(folder / name, count)


@pytest.mark.parametrize(
    ("name", "text", "offsets", "tokens_in", "tokens_out"),
    [
        ("a.csv", AZURE, (0.0, 4.314579), (374, 396), (44, 109)),
        ("a.csv", BURST, (0.0, 40.5), (472, 1087), (18, 1)),
        ("a.jsonl", MOONCAKE, (0.0, 3.5), (6758, 7322), (500, 490)),
        ("a.csv", VIDUR, (0.0, 0.25), (10, 11), (20, 21)),
        ("a.csv", "timestamp\n3\n4\n", (0.0, 1.0), None, None),
        ("a.jsonl", '{"arrived_at": "2024-05-01T00:00:01Z"}\n{"arrived_at": "2024-05-01T02:00:02.5+02:00"}\n',
         (0.0, 1.5), None, None),
    ],
)  # fmt: skip
def test_a_trace_is_read_by_the_names_of_its_columns(
    tmp_path: Path,
    name: str,
    text: str,
    offsets: tuple[float, ...],
    tokens_in: tuple[int, ...] | None,
    tokens_out: tuple[int, ...] | None,
) -> None:
    """Seconds, milliseconds or dates become seconds after the first; no request and no answer has no token."""
    found = read(tmp_path, text, name)
    assert found.offsets_s == pytest.approx(offsets, abs=1e-6)
    assert (found.name, found.tokens_in, found.tokens_out) == (name, tokens_in, tokens_out)


def test_arrivals_are_put_in_order_with_their_lengths(tmp_path: Path) -> None:
    """A file that several writers wrote is not in order."""
    found = read(tmp_path, "arrived_at,input_length\n9,3\n7,1\n8,2\n")
    assert (found.offsets_s, found.tokens_in) == ((0.0, 1.0, 2.0), (1, 2, 3))


def test_a_trace_is_known_by_what_is_replayed_of_it(tmp_path: Path) -> None:
    """The same rows in another file are the same; fewer of them are not."""
    whole = read(tmp_path, VIDUR)
    assert read(tmp_path, VIDUR + "\n", "b.csv").digest == whole.digest
    first = read(tmp_path, VIDUR, count=1)
    assert (first.offsets_s, first.digest == whole.digest) == ((0.0,), False)


def test_only_the_rows_that_are_replayed_are_read(tmp_path: Path) -> None:
    """A large file costs what is used of it."""
    assert len(read(tmp_path, VIDUR + "broken,1,1\n", count=2).offsets_s) == 2


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", VIDUR + "soon,1,2\n", r"a\.csv, line 4: arrived_at is 'soon', neither a number nor a date"),
        ("a.csv", VIDUR + "1,x,2\n", r"a\.csv, line 4: num_prefill_tokens is 'x', which is no count: correct the row"),
        ("a.csv", VIDUR + "1,2\n", r"a\.csv, line 4: num_decode_tokens is missing: correct the row"),
        ("a.csv", VIDUR + "1,-1,2\n", r"a\.csv, line 4: num_prefill_tokens is '-1'"),
        ("a.csv", VIDUR + "nan,1,2\n", r"a\.csv, line 4: arrived_at is 'nan'"),
        ("a.csv", VIDUR + '1,"2\n', r"a\.csv, after line 3: unexpected end of data: correct the row or remove it\.$"),
        ("a.csv", "when,tokens\n1,2\n", r"a\.csv, line 2: there is when, tokens, and no arrival: name its column one"),
        ("a.jsonl", MOONCAKE + "{", r"a\.jsonl, line 3, column 2: Expecting .*: write one JSON object a line\.$"),
        ("a.jsonl", "[1]", r"a\.jsonl, line 1: \[1\] is no JSON object: write one a line\.$"),
        ("a.csv", "arrived_at\n", r"a\.csv has no arrivals: a row each belongs there"),
        ("a.txt", "1\n", r"a\.txt: a trace ends with \.csv or \.jsonl: rename or convert it\.$"),
    ],
)
def test_a_broken_row_is_named_with_its_file_and_line(tmp_path: Path, name: str, text: str, message: str) -> None:
    """One message; nothing is guessed."""
    with pytest.raises(MarkerError, match=message):
        read(tmp_path, text, name)


def test_a_trace_that_is_not_there_or_no_text_says_so(tmp_path: Path) -> None:
    """And what to do."""
    with pytest.raises(MarkerError, match=r"a\.csv cannot be read \(No such file.*: check the path\.$"):
        traces.read(tmp_path / "a.csv", None)
    (tmp_path / "b.csv").write_bytes(b"arrived_at\n\xff\n")
    with pytest.raises(MarkerError, match=r"b\.csv is not UTF-8: save it as UTF-8\.$"):
        traces.read(tmp_path / "b.csv", None)
