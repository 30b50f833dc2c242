"""Size of the HTML page and the time that it takes, from stored runs to its text, by requests and benchmarks.

Every benchmark has as many requests in its baseline as in its run, in five accepted runs, so that twice the
requests are read and each benchmark has a history. The time is the processor time of this process with everything
imported, the best of several rounds, so that a busy machine does not show.

Exits with 1 where a page of 100,000 requests in up to 200 benchmarks is not below 1 MB and 3 seconds; with
``--quick`` there are a tenth of the requests, held against nothing. With ``--worse`` every benchmark regressed.

Run: python benchmarks/page.py [--quick] [--worse] [--json FILE]
"""

import argparse
import dataclasses
import random
import sys
import time
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import tables

from pytest_llm_latency.model import Evidence, Result, Run
from pytest_llm_latency.report import html
from pytest_llm_latency.storage import by_column, samples

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import nouns

BYTES, SECONDS, MOST_BENCHMARKS = 1_000_000, 3.0, 200
_DELTAS, _ROUNDS, _ACCEPTED = 40, 3, 5
_NOWHERE = Path("in memory")


@dataclass(frozen=True, slots=True)
class Stored(Mapping[str, Evidence]):
    """The stored runs of each benchmark as bytes, decoded whenever they are asked for."""

    files: Mapping[str, tuple[bytes, bytes]]

    def __getitem__(self, test_id: str) -> Evidence:
        """Decode one benchmark's run and its baseline."""
        run, baseline = (by_column.decode(data, _NOWHERE) for data in self.files[test_id])
        return Evidence(run=run[0], baseline=baseline)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the tests."""
        return iter(self.files)

    def __len__(self) -> int:
        """Count the tests."""
        return len(self.files)


def measured(count: int, median: float, seed: int, test_id: str) -> Run:
    """Return a run of streamed requests, some of which failed."""
    chance = random.Random(seed)
    found = []
    for index, first in enumerate(nouns.lognormal(count, median=median, seed=seed)):
        sample = nouns.sample(index, None if chance.random() < 0.002 else first)
        if sample.status == "ok":
            began = sample.stamps.started + round(first * 1e9)
            at = array("q", [began + 20_000_000 * place for place in range(_DELTAS)])
            characters = array("q", [4] * _DELTAS)
            sample = dataclasses.replace(
                sample, piece_ns=at, piece_bytes=characters, event_ns=at, event_kinds="c" * _DELTAS,
                event_characters=characters,
            )  # fmt: skip
        found.append(sample)
    return nouns.run(samples=tuple(found), test_id=test_id)


def stored(requests: int, benchmarks: int, *, worse: bool = False) -> tuple[list[Result], Stored]:
    """Return benchmarks that share the requests, with their results: of all the same verdict."""
    results, files = [], {}
    for place in range(benchmarks):
        test_id = f"tests/test_page.py::test_{place}"
        run = measured(requests // benchmarks, 0.3, place, test_id)
        each = requests // benchmarks // _ACCEPTED
        baseline = [measured(each, 0.28, 1000 * number + place, test_id) for number in range(1, _ACCEPTED + 1)]
        verdict = "regressed" if worse else "pass"
        compared = (nouns.comparison(status=verdict, ratio=1.3 if worse else 1.02),)
        results.append(nouns.result(verdict, of=run, baseline=baseline, comparisons=compared))
        files[test_id] = (samples.encode([run]), samples.encode(baseline))
    return results, Stored(files)


def row(requests: int, benchmarks: int, *, worse: bool) -> dict[str, tables.Cell]:
    """Make the page several times and return the best of them."""
    results, files = stored(requests, benchmarks, worse=worse)
    session, times, text = nouns.session(*results), [], ""
    for _ in range(_ROUNDS):
        began = time.process_time()
        text = html.render(session, files)
        times.append(time.process_time() - began)
    return {"requests": requests, "benchmarks": benchmarks, "bytes": len(text.encode()), "seconds": min(times)}


def main() -> int:
    """Measure, print, write, and say whether the page is what it should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the requests")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures as JSON")
    parser.add_argument("--worse", action="store_true", help="every benchmark regressed")
    arguments = parser.parse_args()
    most = 10_000 if arguments.quick else 100_000
    found = [row(most, benchmarks, worse=arguments.worse) for benchmarks in (1, 10, 20, 40, MOST_BENCHMARKS, 500)]
    tables.show("The page, with as many requests in the baseline", found)
    tables.write(arguments.json, "page", {"page": found})
    return 0 if arguments.quick or all(_suffices(each) for each in found) else 1


def _suffices(found: Mapping[str, tables.Cell]) -> bool:
    if int(found["benchmarks"] or 0) > MOST_BENCHMARKS:
        return True
    return int(found["bytes"] or 0) < BYTES and float(found["seconds"] or 0) < SECONDS


if __name__ == "__main__":
    sys.exit(main())
