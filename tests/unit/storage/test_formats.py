"""Samples in every format come back as they were, what other tools read beside them is right, and damage is named."""

import dataclasses
import json
import math
from array import array
from collections.abc import Callable
from pathlib import Path

import msgpack
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import nouns
from pytest_llm_latency.commands import convert
from pytest_llm_latency.errors import CorruptFileError, LatencyError, NewerVersionError, OlderVersionError, StorageError
from pytest_llm_latency.metrics import METRICS
from pytest_llm_latency.model import WARMUP, Failure, Run, Sample
from pytest_llm_latency.storage import by_column, formats, messagepack, samples, wide
from pytest_llm_latency.storage.formats import FORMATS

PATH = Path("a.file")
STREAMS = ("msgpack", "jsonl", "json")


def odd() -> tuple[Sample, ...]:
    """Return requests that have nothing, everything, and what is hard to write."""
    plain = nouns.sample(1, 0.25, 0.75)
    bare = dataclasses.replace(
        plain,
        usage=None,
        connection_reused=None,
        http_status=None,
        piece_ns=array("q"),
        piece_bytes=array("q"),
        event_ns=array("q"),
        event_kinds="",
        event_characters=array("q"),
    )
    return (
        plain,
        bare,
        nouns.sample(2, None, failed=Failure(error_class="Boom", message="ünì\n\0 💥", phase="body")),
        dataclasses.replace(plain, event_ns=array("q", [5, -7, 2**62, 0, 2**62]), cost_usd=0.1 + 0.2),
        dataclasses.replace(plain, phase=WARMUP, step="", worker="gw0", region="eu", side="candidate", cost_usd=-0.0),
        dataclasses.replace(plain, status="error", failure=nouns.failure("AssertionError", "assert 'x'")),
        dataclasses.replace(plain, piece_bytes=array("q", [0, 2**31, 2**40, 1, -1]), paced_ns=0),
    )


def runs() -> tuple[Run, ...]:
    """Return runs of several steps, with odd samples, with none, and with half a character in a name."""
    talk = tuple(
        dataclasses.replace(nouns.sample(index, 0.3 + index / 100, 1.0), step="a" if index % 2 else "b")
        for index in range(8)
    )
    steps = (nouns.conditions(step="a", model="openai/a"), nouns.conditions(step="b", model="x/b", provider="x"))
    return (
        nouns.run(samples=odd(), id="run-1"),
        nouns.run([], id="run-2", test_id="t\udc80"),
        nouns.run(samples=talk, id="run-3", conditions=steps, iteration_failures=((3, nouns.failure()),)),
    )


def gathered(tmp_path: Path, *each: Run) -> bytes:
    """Return runs as the file that a session writes of all of its runs."""
    paths = []
    for number, run in enumerate(each):
        paths.append(tmp_path / f"{number}.parquet")
        samples.write_runs(paths[-1], [run])
    return formats.gathered(paths)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("block", [10_000, 3])
def test_samples_come_back_bit_for_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, block: int) -> None:
    """Through another format and back; what is made of them is the same file, and holds the same runs."""
    monkeypatch.setattr(messagepack, "BLOCK", block)
    first = gathered(tmp_path, *runs())
    other = formats.converted(first, PATH, "parquet", name)
    assert formats.converted(other, PATH, name, "parquet") == first
    assert formats.converted(formats.converted(other, PATH, name, "jsonl"), PATH, "jsonl", name) == other
    assert samples.decode(first, PATH) == runs()


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("each", [(), (nouns.run([], id="a"),)])
def test_nothing_comes_back_as_nothing(tmp_path: Path, name: str, each: tuple[Run, ...]) -> None:
    """Of no run, and of a run without a request."""
    first = gathered(tmp_path, *each)
    assert formats.converted(formats.converted(first, PATH, "parquet", name), PATH, name, "parquet") == first
    assert samples.decode(first, PATH) == each


def test_the_file_of_a_session_has_a_row_a_request_with_what_other_tools_ask_for(tmp_path: Path) -> None:
    """The test, the model of the step, and each metric as the request gives it; a failed one has none."""
    data = gathered(tmp_path, *runs())
    rows = pq.read_table(pa.BufferReader(data)).to_pylist()
    everything = [(run, sample) for run in runs() for sample in run.samples]
    assert list(rows[0]) == [column.name for column in (wide.RUN, *wide.DERIVED, *wide.STORED[1:])]
    for row, (run, sample) in zip(rows, everything, strict=True):
        assert (row["run_id"], row["session_id"], row["environment"]) == (run.id, run.session_id, "default")
        assert row["event_ns"] == sample.event_ns.tolist()
        for metric in METRICS.values():
            if metric.gated:
                expected = metric.take(sample) if sample.status == "ok" else None
                assert row[metric.id] == (None if expected is None else pytest.approx(expected)), metric.id
    assert {(row["step"], row["model"], row["provider"]) for row in rows if row["run_id"] == "run-3"} == {
        ("a", "openai/a", "openai"),
        ("b", "x/b", "x"),
    }
    assert by_column.decode(data, PATH)[2].run.id == "run-3"


def test_what_is_computed_is_not_believed_when_it_is_read(tmp_path: Path) -> None:
    """A figure that somebody changed is computed anew."""
    first = gathered(tmp_path, *runs())
    records = [json.loads(line) for line in formats.converted(first, PATH, "parquet", "jsonl").splitlines()]
    for record in records:
        if "index" in record:
            record.update(ttft=None, model="forged")
    changed = "\n".join(map(json.dumps, records)).encode()
    assert formats.converted(changed, PATH, "jsonl", "parquet") == first


@pytest.mark.parametrize("name", ["msgpack", "jsonl"])
def test_streams_one_after_the_other_are_one_stream(tmp_path: Path, name: str) -> None:
    """So that one is appended to another with cat."""
    one, two, three = runs()
    parts = [formats.converted(gathered(tmp_path, *each), PATH, "parquet", name) for each in ((one, two), (three,))]
    assert formats.converted(b"".join(parts), PATH, name, "parquet") == gathered(tmp_path, one, two, three)


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_that_was_cut_off_anywhere_is_refused(tmp_path: Path, name: str) -> None:
    """Also between two records: a part of the samples is never taken for all of them."""
    whole = formats.converted(gathered(tmp_path, *runs()), PATH, "parquet", name)
    ends = {at + 1 for at, byte in enumerate(whole[:-2]) if byte == ord("\n")} if name != "msgpack" else set()
    for at in sorted({*range(0, len(whole) - 1, 211), *ends}):
        with pytest.raises(CorruptFileError, match=r"a\.file is damaged or no .*convert it again from"):
            FORMATS[name].decode(whole[:at], PATH)


@pytest.mark.parametrize("name", ["jsonl", "json"])
def test_what_json_cannot_write_is_refused_with_a_way_out(tmp_path: Path, name: str) -> None:
    """An infinite number is none in JSON, and null would be another one."""
    sample = dataclasses.replace(nouns.sample(0, 0.3), server_processing_s=math.inf)
    data = gathered(tmp_path, nouns.run(samples=(sample,)))
    with pytest.raises(StorageError, match="not a finite number, which JSON cannot write: convert to MessagePack"):
        formats.converted(data, PATH, "parquet", name)


def reversioned(name: str, version: int) -> bytes:
    """Return a stream's beginning with another version."""
    header = {"format": "pytest-llm-latency samples", "version": version}
    return {
        "msgpack": msgpack.packb(header),
        "jsonl": json.dumps(header).encode(),
        "json": json.dumps([header]).encode(),
    }[name]


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_of_another_version_is_refused(name: str) -> None:
    """Before anything else of it is read."""
    with pytest.raises(NewerVersionError, match=r"has format 99 .*: upgrade pytest-llm-latency"):
        FORMATS[name].decode(reversioned(name, 99), PATH)
    with pytest.raises(OlderVersionError, match=r"has format 0, which .*: convert it again"):
        FORMATS[name].decode(reversioned(name, 0), PATH)


def changed(change: Callable[[list[dict[str, object]]], object]) -> bytes:
    """Return a stream whose records were changed."""
    found = wide.widened(wide.Samples(runs=(nouns.run([]),), table=wide.schema().empty_table()))
    records = [json.loads(line) for line in FORMATS["jsonl"].encode(found).splitlines()]
    change(records)
    return "\n".join(map(json.dumps, records)).encode()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda records: records.clear(), "it has no header"),
        (lambda records: records.pop(0), "it has a record of 'runs' there"),
        (lambda records: records[0].update(format="x"), "its header is not that of samples"),
        (lambda records: records.insert(1, records[0]), "the end of its samples lacks"),
        (lambda records: records[1]["runs"][0].pop("trust"), "a Run lacks trust"),
        (lambda records: records.insert(2, {"index": 0}), "run"),
        (lambda records: records[-1].update(end=3), "it has 0 of 3 samples"),
        (lambda records: records.append({"what": 1}), "it has a record of 'what' there"),
        (lambda records: records.append([1]), "it has a record of 1 there"),
        (lambda records: records.append(7), "is not iterable"),
    ],
)
def test_a_stream_whose_records_do_not_fit_is_refused(
    change: Callable[[list[dict[str, object]]], object], reason: str
) -> None:
    """With what is wrong with it."""
    with pytest.raises(CorruptFileError, match=reason):
        FORMATS["jsonl"].decode(changed(change), PATH)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("data", [b"", b"\xc1", b"{", b"[1]", b"null", b'{"format": 1}', b"\xff" * 50])
def test_what_is_no_file_of_samples_is_refused(name: str, data: bytes) -> None:
    """In whichever way it is none."""
    with pytest.raises(CorruptFileError, match=r"a\.file is (damaged|empty)"):
        FORMATS[name].decode(data, PATH)


def test_a_stream_of_damaged_columns_is_refused_or_read_and_never_anything_else(tmp_path: Path) -> None:
    """Every 101st byte of it is changed in turn."""
    whole = formats.converted(gathered(tmp_path, *runs()), PATH, "parquet", "msgpack")
    refused = 0
    for at in range(0, len(whole), 101):
        damaged = whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :]
        try:
            FORMATS["msgpack"].decode(damaged, PATH)
        except LatencyError:
            refused += 1
    assert refused


def test_the_command_knows_every_format() -> None:
    """It has the names by itself, because pyarrow is slow to import."""
    assert tuple(FORMATS) == convert.NAMES
