"""What the plugin costs people who do not use it: pytest on an empty suite, with and without it.

The two alternate in one run, each in a process of its own; the table has medians.

Run: python benchmarks/startup.py [--quick] [--json FILE]
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import compiled
import tables

CONTENDERS = {"without the plugin": ("-p", "no:llm_latency"), "with the plugin": ()}


def once(folder: Path, options: tuple[str, ...]) -> float:
    """Run pytest on an empty folder and return its seconds."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, str(folder)]
    environment = compiled.environment(folder.parent)
    began = time.perf_counter()
    subprocess.run(command, env=environment, capture_output=True, check=False)
    return time.perf_counter() - began


def imported(folder: Path) -> float:
    """Return the seconds that importing the plugin takes once pytest is there."""
    code = (
        "import pytest, time; began = time.perf_counter(); import pytest_llm_latency.plugin; "
        "print(time.perf_counter() - began)"
    )
    return float(
        subprocess.run(
            [sys.executable, "-c", code],
            env=compiled.environment(folder.parent),
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a first look: fewer rounds")
    parser.add_argument("--json", type=Path, help="write the table to this file")
    arguments = parser.parse_args()
    rounds = 10 if arguments.quick else 40
    seconds: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "suite"
        folder.mkdir()
        for number in range(rounds + 1):
            for which, options in CONTENDERS.items():
                taken = once(folder, options)
                if number:  # the first round fills the caches
                    seconds[which].append(taken)
        importing = statistics.median(imported(folder) for _ in range(rounds))
    baseline = statistics.median(seconds["without the plugin"])
    differences = [
        with_it - without
        for with_it, without in zip(seconds["with the plugin"], seconds["without the plugin"], strict=True)
    ]
    rows = [
        {
            "pytest on an empty suite": name,
            "median ms": statistics.median(values) * 1e3,
            "fastest ms": min(values) * 1e3,
            "more ms": (statistics.median(values) - baseline) * 1e3,
        }
        for name, values in seconds.items()
    ]
    tables.show(f"Startup, {rounds} rounds", rows)
    more = [
        {"what": "difference of pairs, median", "ms": statistics.median(differences) * 1e3},
        {"what": "import of the plugin, median", "ms": importing * 1e3},
    ]
    tables.show("What the plugin adds", more)
    tables.write(arguments.json, "startup", {"startup": rows, "added": more})


if __name__ == "__main__":
    main()
