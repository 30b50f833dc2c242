"""Size and speed of the formats that samples are kept in: Parquet and MessagePack against the same samples as JSON.

Writing is from the table of the samples in memory to the bytes of a file, reading is back from
them to that table: what ``samples.parquet`` and ``llm-latency convert`` do, without the disk. JSON is
a record a line. Of it, ``json`` alone is shown too: from objects of Python that are there already to
text, and back. Each figure is the processor time of
the best of several rounds, so that a busy machine does not show, and each file is read back and compared.

A second table has the way from the objects that judging uses, and to them: making and reading these
takes longer than any of the formats.

Exits with 1 where Parquet or MessagePack is less than 70 % smaller, or less than 10 times as fast; with
``--quick`` the figures are printed and not held against that, as what a file costs by itself shows.

Run: python benchmarks/formats.py [--quick] [--json FILE]
"""

import argparse
import dataclasses
import itertools
import json
import math
import random
import sys
import time
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import tables

from pytest_llm_latency.model import Sample
from pytest_llm_latency.storage import columns, formats, wide
from pytest_llm_latency.storage.samples import encode
from pytest_llm_latency.storage.wide import Samples
from pytest_llm_latency.wire import from_builtins, to_builtins

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import nouns

SMALLER, FASTER = 0.70, 10
_MS = 1_000_000
_NOWHERE = Path("in memory")

Timed = tuple[float, Any]


def request(index: int, deltas: int, chance: random.Random) -> Sample:
    """Return a request as a provider streams it: a delta a piece, uneven gaps, now and then two in one piece."""
    started = index * 50 * _MS + chance.randrange(_MS)
    gaps = [round(chance.lognormvariate(math.log(20 * _MS), 0.5)) for _ in range(deltas)]
    gaps[0] = round(chance.lognormvariate(math.log(400 * _MS), 0.4))
    pieces = list(itertools.accumulate(gaps, initial=started))[1:]
    events = [at if chance.random() > 0.05 else pieces[max(0, place - 1)] for place, at in enumerate(pieces)]
    base = nouns.sample(index, 0.4)
    return dataclasses.replace(
        base,
        status="ok",
        failure=None,
        stamps=dataclasses.replace(
            base.stamps,
            started=started,
            scheduled=started - chance.randrange(_MS),
            send_start=started + 90_000,
            send_end=started + 150_000,
            first_byte=pieces[0] - 20_000,
            headers=pieces[0] - 10_000,
            closed=pieces[-1] + 100_000,
        ),
        build_ns=chance.randrange(800_000, 1_200_000),
        server_processing_s=round(chance.random(), 3),
        piece_ns=array("q", pieces),
        piece_bytes=array("q", [chance.randrange(180, 260) for _ in pieces]),
        event_ns=array("q", sorted(events)),
        event_kinds="x" + "c" * (deltas - 1),
        event_characters=array("q", [0, *(chance.randrange(1, 9) for _ in pieces[1:])]),
        cost_usd=round(chance.random() / 1000, 8),
        worker="gw0",
    )


def best(rounds: int, act: Callable[[], Any]) -> Timed:
    """Return the shortest of several times in seconds, and what came of it."""
    found: Timed = (math.inf, None)
    for _ in range(rounds):
        began = time.process_time()
        made = act()
        found = min(found, (time.process_time() - began, made), key=lambda each: each[0])
    return found


def compared(samples: Samples, rounds: int) -> list[dict[str, tables.Cell]]:
    """Return a row for each format, and one for JSON alone; the last columns say how it stands to JSON."""
    count = len(samples.table)
    found: dict[str, tuple[int, float, float]] = {}
    for name in ("jsonl", "parquet", "msgpack"):
        # Both are bound now, as they are called in the same round.
        form = formats.FORMATS[name]
        writing, data = best(rounds, lambda form=form: form.encode(samples))
        reading, back = best(rounds, lambda form=form, data=data: form.decode(data, _NOWHERE))
        if not wide.widened(back).table.equals(samples.table):
            raise SystemExit(f"{name} does not give back what it was given.")
        found[name] = (len(data), writing, reading)
        if name == "jsonl":
            found["json alone"] = (len(data), *_json_alone(samples, rounds))
    size, writing, reading = found["jsonl"]
    return [
        {
            "format": name,
            "bytes a request": own[0] / count,
            "smaller by": 1 - own[0] / size,
            "write µs": own[1] / count * 1e6,
            "read µs": own[2] / count * 1e6,
            "times as fast to write": writing / own[1],
            "times as fast to read": reading / own[2],
        }
        for name, own in found.items()
    ]


def _json_alone(samples: Samples, rounds: int) -> tuple[float, float]:
    objects = samples.table.to_pylist()
    writing, lines = best(rounds, lambda: [json.dumps(each, separators=(",", ":")) for each in objects])
    reading, _ = best(rounds, lambda: [json.loads(line) for line in lines])
    return writing, reading


def through_objects(requests: list[Sample], rounds: int) -> list[dict[str, tables.Cell]]:
    """Return what the objects of the samples take, on their way to a table and to JSON's objects, and back."""
    to_table, arrays = best(rounds, lambda: columns.arrays(requests))
    table = pa.table({"run": pa.array([0] * len(requests), pa.int32()), **arrays})
    from_table, back = best(rounds, lambda: list(columns.samples(table)))
    to_tree, trees = best(rounds, lambda: [to_builtins(each) for each in requests])
    from_tree, again = best(rounds, lambda: [from_builtins(Sample, each) for each in trees])
    if not back == again == requests:
        raise SystemExit("the objects do not come back as they were.")
    rows = (("a table", to_table, from_table), ("objects for JSON", to_tree, from_tree))
    return [
        {"samples and": name, "to it µs": to / len(requests) * 1e6, "from it µs": out / len(requests) * 1e6}
        for name, to, out in rows
    ]


def main() -> int:
    """Measure, print, write, and say whether the formats are what they should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the requests, fewer rounds")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures as JSON")
    arguments = parser.parse_args()
    count, rounds = (1_000, 3) if arguments.quick else (10_000, 5)
    found: dict[str, list[dict[str, tables.Cell]]] = {}
    for deltas in (3, 60, 150):
        chance = random.Random(deltas)
        requests = [request(index, deltas, chance) for index in range(count)]
        stored = formats.FORMATS["parquet"].decode(encode([nouns.run(samples=tuple(requests))]), _NOWHERE)
        title = f"{count} requests of {deltas} deltas"
        found[title] = compared(wide.widened(stored), rounds)
        tables.show(title, found[title])
        if deltas == 60:
            found[f"{title}, as objects"] = through_objects(requests, min(rounds, 3))
            tables.show(f"{title}, as objects", found[f"{title}, as objects"])
    tables.write(arguments.json, "formats", found)
    return 0 if arguments.quick or all(_suffices(row) for rows in found.values() for row in rows) else 1


def _suffices(row: dict[str, tables.Cell]) -> bool:
    if row.get("format") not in {"parquet", "msgpack"}:
        return True
    figures = (row["smaller by"], row["times as fast to write"], row["times as fast to read"])
    return all(float(each or 0) >= least for each, least in zip(figures, (SMALLER, FASTER, FASTER), strict=True))


if __name__ == "__main__":
    sys.exit(main())
