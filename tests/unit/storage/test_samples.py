"""Runs come back from Parquet as they were, and damage is never silent."""

import dataclasses
import hashlib
import io
import json
import typing
from array import array
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import nouns
from pytest_llm_latency.errors import CorruptFileError, NewerVersionError, OlderVersionError, StorageError
from pytest_llm_latency.model import Failure, Sample, Stamps, Usage
from pytest_llm_latency.storage import by_column, columns, samples

PATH = Path("baselines/default/test.parquet")


def chunked(index: int, pieces: int = 60) -> Sample:
    """Return a request of many pieces with uneven gaps, as a provider streams them."""
    base = nouns.sample(index, 0.3, 1.2)
    gaps = [15_000_000 + (index * 7919 + number * 104_729) % 9_999_991 for number in range(pieces)]
    stamps = [base.stamps.started + 300_000_000 + sum(gaps[:number]) for number in range(pieces)]
    return dataclasses.replace(
        base,
        piece_ns=array("q", stamps),
        piece_bytes=array("q", [180 + number % 7 for number in range(pieces)]),
        event_ns=array("q", stamps),
        event_kinds="x" + "c" * (pieces - 2) + "x",
        event_characters=array("q", [0, *(number % 9 for number in range(pieces - 2)), 0]),
    )


def sealed(data: bytes, old: bytes, new: bytes) -> bytes:
    """Return the file with a part replaced, and with the digest that belongs to it."""
    changed = data.replace(old, new)
    assert changed != data
    digest = pq.read_metadata(io.BytesIO(data)).metadata[b"llm_latency.sha256"]
    zeros = changed.replace(digest, b"sha256:" + b"0" * 64)
    return zeros.replace(b"sha256:" + b"0" * 64, b"sha256:" + hashlib.sha256(zeros).hexdigest().encode())


def absent() -> Sample:
    """Return a request of which nothing happened but the start."""
    values: dict[str, Any] = {field.name: None for field in dataclasses.fields(Sample)}
    empty = {name: array("q") for name in ("piece_ns", "piece_bytes", "event_ns", "event_characters")}
    plain = {"index": 0, "iteration": 0, "phase": "warmup", "status": "cancelled", "attempts": 1, "clock": "loop"}
    return Sample(**values | empty | plain | {"event_kinds": "", "stamps": Stamps(started=0)})


def zeros() -> Sample:
    """Return a request whose every optional field is there and is zero, false or empty."""
    values: dict[str, Any] = dict.fromkeys(("http_status", "build_ns"), 0)
    values |= dict.fromkeys(("step", "finish_reason", "worker", "host", "region"), "")
    values |= {"server_processing_s": 0.0, "cost_usd": 0.0, "connection_reused": False}
    values["stamps"] = Stamps(**{field.name: 0 for field in dataclasses.fields(Stamps)})
    values["usage"] = Usage(
        tokens_in=0, tokens_out=0, tokens_reasoning=0, tokens_cached=0, tokens_cache_written=None, source="chunks"
    )
    values["failure"] = Failure(error_class="", message="", phase="")
    return dataclasses.replace(absent(), **values)


@pytest.mark.parametrize(
    "sample",
    [
        absent(),
        zeros(),
        nouns.sample(3, 0.25, 0.75),
        nouns.sample(10, None),
        chunked(1),
        dataclasses.replace(chunked(2), event_ns=array("q", [5, 2**62, -7])),
        dataclasses.replace(chunked(3), piece_ns=array("q", [9, 9, 9]), event_ns=array("q", [9, 9])),
        dataclasses.replace(chunked(4), usage=dataclasses.replace(zeros().usage, tokens_in=None, tokens_cached=None)),
        dataclasses.replace(chunked(5), cost_usd=1e-9, cost_in_usd=1e-10, server_processing_s=0.1 + 0.2),
        dataclasses.replace(chunked(6), text="Grüß Gott\n\0 💥"),
        nouns.sample(6, None, failed=Failure(error_class="Boom", message="ünì\n\0 💥", phase="body")),
    ],
)
def test_every_field_of_a_sample_comes_back_as_it_was(sample: Sample) -> None:
    """Null and zero, empty and absent, coalesced pieces and stamps apart from pieces are told apart."""
    run = nouns.run([0.3], samples=(nouns.sample(0, 0.3), sample, nouns.sample(2, 0.3)))
    assert samples.decode(samples.encode([run]), PATH) == (run,)


def test_a_whole_run_comes_back_as_it_was() -> None:
    """Plan, conditions, surroundings, trust, warnings and failures are in the file."""
    run = nouns.run(
        nouns.lognormal(5, median=0.3),
        id="ünì-1",
        plan=nouns.plan(limits=("ttft.p95 < 800ms",), version="v2", gate=("ttft", "throughput")),
        complete=False,
        iteration_failures=((3, nouns.failure("AssertionError", "assert '' == 'x'")),),
        conditions=(nouns.conditions(step="a", served_model=None), nouns.conditions(step="b")),
        line=None,
    )
    assert samples.decode(samples.encode([run]), PATH) == (run,)


def test_one_file_holds_several_runs_in_their_order() -> None:
    """A run without samples among them keeps its place."""
    runs = (nouns.run([0.1, 0.2], id="a"), nouns.run([], id="b"), nouns.run([0.4], id="c"))
    assert samples.decode(samples.encode(runs), PATH) == runs


def test_a_file_without_runs_holds_none() -> None:
    """Nothing in, nothing out."""
    assert samples.decode(samples.encode([]), PATH) == ()


def test_the_same_runs_give_the_same_bytes() -> None:
    """A baseline that is accepted twice does not change in version control."""
    run = nouns.run([0.1, 0.2, 0.3])
    assert samples.encode([run]) == samples.encode([nouns.run([0.1, 0.2, 0.3])])
    reordered = dict(reversed(run.environment.versions.items()))
    same = dataclasses.replace(run, environment=nouns.environment(versions=reordered))
    assert samples.encode([same]) == samples.encode([run])


def test_a_hundred_requests_of_sixty_chunks_are_small() -> None:
    """The stamps of the pieces are three quarters of it: about four bytes each."""
    run = nouns.run([], samples=tuple(chunked(index) for index in range(100)))
    assert len(samples.encode([run])) < 45_000


def test_every_field_of_a_sample_has_its_columns() -> None:
    """A field that is added to the nouns needs a column, and the format another number."""
    parts = {"stamps": Stamps, "failure": Failure, "usage": Usage}
    expected = {"run", "event_piece"}
    for field in dataclasses.fields(Sample):
        part = parts.get(field.name)
        fields = [] if part is None else dataclasses.fields(typing.cast("type[Any]", part))
        expected |= {f"{field.name}_{each.name}" for each in fields} or {field.name}
    names = pq.read_schema(io.BytesIO(samples.encode([nouns.run([0.1])]))).names
    assert set(names) == expected
    assert samples.FORMAT == 4


def test_lists_are_said_to_hold_no_null_and_are_read_whatever_is_said() -> None:
    """A file that says less, as one of an earlier version, gives the same table."""
    runs = [nouns.run(samples=(chunked(0), dataclasses.replace(chunked(1), event_ns=array("q", [5, 2**62, -7]))))]
    data = samples.encode(runs)
    told = {name: pq.ParquetFile(io.BytesIO(data)).schema_arrow.field(name) for name in columns.LISTS}
    assert {name for name, each in told.items() if each.nullable} == {"event_piece", "event_ns"}  # each has one
    table = samples.opened(data, PATH)[1]
    assert all(table.schema.field(name).type == pa.list_(pa.int64()) for name in columns.LISTS)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(columns, "required", lambda given: given)
        before = samples.encode(runs)
    assert before != data
    assert samples.opened(before, PATH)[1].equals(table)


def test_half_of_a_surrogate_pair_in_a_message_does_not_lose_the_run() -> None:
    """A provider's broken text is stored with an escape in its place; a test id is kept as it is."""
    broken = nouns.sample(0, None, failed=Failure(error_class="E", message="bad \udc80 byte", phase="body"))
    (run,) = samples.decode(samples.encode([nouns.run([], samples=(broken,), test_id="t\udc80")]), PATH)
    assert run.samples[0].failure == Failure(error_class="E", message="bad \\udc80 byte", phase="body")
    assert run.test_id == "t\udc80"


def test_a_file_on_disk_is_read_as_it_was_written(tmp_path: Path) -> None:
    """The way through the file system changes nothing."""
    run = nouns.run([0.1])
    samples.write_runs(tmp_path / "a.parquet", [run])
    assert samples.read_runs(tmp_path / "a.parquet") == (run,)


@pytest.mark.parametrize("share", [0.0, 0.0005, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_corrupt(tmp_path: Path, share: float) -> None:
    """Wherever it was cut off, the message names the file and the remedy."""
    path, data = tmp_path / "a.parquet", samples.encode([nouns.run([0.1, 0.2])])
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(CorruptFileError, match=r"a\.parquet is .*restore it from version control, or remove it"):
        samples.read_runs(path)


def test_no_flipped_bit_goes_unnoticed() -> None:
    """Pages, footer and digest alike: every seventh byte of the file is tried."""
    data = samples.encode([nouns.run([0.1, 0.2])])
    for position in range(0, len(data), 7):
        damaged = bytearray(data)
        damaged[position] ^= 1 << position % 8
        with pytest.raises((CorruptFileError, NewerVersionError, OlderVersionError)):
            samples.decode(bytes(damaged), PATH)


@pytest.mark.parametrize(
    "data", [b"", b"\0" * 100, b"PAR1PAR1", b'{"a": 1}', b"version https://git-lfs.github.com/spec/v1"]
)
def test_what_is_not_parquet_is_corrupt(data: bytes) -> None:
    """Empty, zeroed and foreign files have the same remedy."""
    with pytest.raises(CorruptFileError, match=r"test\.parquet is .*restore it from version control"):
        samples.decode(data, PATH)


def test_parquet_of_another_tool_is_corrupt(tmp_path: Path) -> None:
    """A table without our metadata is no file of runs."""
    table = pq.read_table(io.BytesIO(samples.encode([])))
    pq.write_table(table.replace_schema_metadata({}), tmp_path / "a.parquet")
    with pytest.raises(CorruptFileError, match=r"not a file of runs \(its metadata has no llm_latency\.format\)"):
        samples.read_runs(tmp_path / "a.parquet")


def test_a_newer_format_asks_for_an_upgrade() -> None:
    """The version is looked at before anything that a later format may change."""
    data = samples.encode([nouns.run([0.1])])
    newer = sealed(data, b"llm_latency.format\x18\x014", b"llm_latency.format\x18\x019")
    with pytest.raises(NewerVersionError, match=r"has format 9 .*: upgrade pytest-llm-latency"):
        samples.decode(newer, PATH)


def as_format(version: int, data: bytes) -> bytes:
    """Return a file of runs as an earlier version wrote it."""
    table = pq.read_table(io.BytesIO(data)).drop_columns(["cost_in_usd", "text"])
    entries = dict(pq.read_metadata(io.BytesIO(data)).metadata)
    (run,) = json.loads(entries[b"llm_latency.runs"])
    del run["plan"]["keep_answers"], run["plan"]["retries"]
    if version == 2:
        table = table.drop_columns(["side"])
        del run["looks"], run["plan"]["ab"], run["plan"]["adaptive"], run["conditions"][0]["side"]
    entries |= {
        b"llm_latency.runs": json.dumps([run]).encode(),
        b"llm_latency.format": str(version).encode(),
        b"llm_latency.sha256": b"sha256:" + b"0" * 64,
    }
    stream = io.BytesIO()
    with pq.ParquetWriter(stream, table.schema, store_schema=False) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata(entries)
    written = stream.getvalue()
    return written.replace(b"0" * 64, hashlib.sha256(written).hexdigest().encode())


@pytest.mark.parametrize("version", [2, 3])
def test_earlier_formats_are_read_as_runs_without_what_they_did_not_say(version: int) -> None:
    """A baseline that was accepted with one still counts; they have one side and one look, and no answers."""
    run = nouns.run([0.1, 0.2])
    data = as_format(version, samples.encode([run]))
    assert samples.decode(data, PATH) == (run,)
    assert [len(each.started) for each in by_column.decode(data, PATH)] == [2]


def test_an_older_format_asks_for_a_new_measurement() -> None:
    """It lacks columns; what they would have held is not made up."""
    data = samples.encode([nouns.run([0.1])])
    older = sealed(data, b"llm_latency.format\x18\x014", b"llm_latency.format\x18\x011")
    with pytest.raises(OlderVersionError, match=r"has format 1, .*: remove it, and measure and accept again"):
        samples.decode(older, PATH)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"http_status", b"http_zzatus"),
        (b'"started_at"', b'"started_zz"'),
        (b'"complete":true', b'"complete":1111'),
        (b'"conditions"', b'"conditions\x00'),
    ],
    ids=["column", "field", "type", "json"],
)
def test_a_whole_file_that_lacks_a_part_is_corrupt(old: bytes, new: bytes) -> None:
    """Even with a digest that fits, a column or a field that is missing is an error and no guess."""
    data = samples.encode([nouns.run([0.1])])
    with pytest.raises(CorruptFileError, match="damaged or not a file of runs"):
        samples.decode(sealed(data, old, new), PATH)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A path that was mistyped is not a damaged file."""
    with pytest.raises(StorageError, match=r"gone\.parquet cannot be read \(No such file.*check the path"):
        samples.read_runs(tmp_path / "gone.parquet")


def test_an_infinite_setting_is_refused_and_not_written_as_json() -> None:
    """JSON has no infinity."""
    run = nouns.run([0.1], plan=nouns.plan(timeout_s=float("inf")))
    with pytest.raises(StorageError, match="not a finite number"):
        samples.encode([run])


def test_columns_are_read_from_the_same_file_with_the_same_errors() -> None:
    """What damaged bytes are to one reader they are to the other."""
    run = nouns.run([0.2, None, 0.3])
    data = samples.encode([run])
    (read,) = by_column.decode(data, PATH)
    assert read.run == dataclasses.replace(run, samples=())
    assert read.started.tolist() == [each.stamps.started for each in run.samples]
    assert read.failures == {1: (nouns.failure(), 429)}
    for broken in (b"", data[:-9], data[:200] + b"\x00" + data[201:]):
        with pytest.raises(CorruptFileError, match=str(PATH)):
            by_column.decode(broken, PATH)
