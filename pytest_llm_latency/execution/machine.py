"""What the process and the machine say of themselves: processors, memory, open files."""

import contextlib
import os
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from pytest_llm_latency import units
from pytest_llm_latency.model import Notice

_RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes on macOS, KiB elsewhere
_LEAST_TICKS = 50  # the kernel counts in hundredths of a second: fewer say little
_FILES_BESIDE = 64  # what the process opens beside its connections
_IDLE = slice(3, 5)  # the columns idle and iowait of /proc/stat
_COUNTED = 8  # the columns that follow are parts of the first two
# Where the hard limit is infinite the kernel may still refuse: the first of these that it takes.
_SOFT_LIMITS = (1_048_576, 65_536, 10_240)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Counters at one moment; a difference of two says what happened in between.

    ``busy_ticks`` and ``all_ticks`` are of all processors together, ``None`` where no /proc/stat is.
    """

    wall_s: float
    cpu_s: float
    busy_ticks: int | None
    all_ticks: int | None
    major_faults: int


def read() -> Reading:
    """Read the counters now."""
    busy, whole = _ticks()
    return Reading(
        wall_s=time.perf_counter(),
        cpu_s=time.process_time(),
        busy_ticks=busy,
        all_ticks=whole,
        major_faults=resource.getrusage(resource.RUSAGE_SELF).ru_majflt,
    )


def moved(began: Reading, paused: Reading, resumed: Reading) -> Reading:
    """Return a first reading as it would be had nothing happened between two later ones."""
    counters = {
        field.name: _sum(getattr(began, field.name), getattr(resumed, field.name), getattr(paused, field.name))
        for field in fields(Reading)
    }
    return Reading(**counters)


def _sum(value: float | None, added: float | None, taken: float | None) -> Any:  # noqa: ANN401  (a counter of either type)
    return None if value is None or added is None or taken is None else value + added - taken


def cpu_share(began: Reading, ended: Reading) -> float | None:
    """Return the process's CPU time over the wall time; above 1 where several threads compute."""
    wall_s = ended.wall_s - began.wall_s
    return (ended.cpu_s - began.cpu_s) / wall_s if wall_s > 0 else None


def machine_cpu_share(began: Reading, ended: Reading) -> float | None:
    """Return the busy share of all processors, ``None`` where it is unknown or the time too short."""
    if None in {began.busy_ticks, began.all_ticks, ended.busy_ticks, ended.all_ticks}:
        return None
    ticks = (ended.all_ticks or 0) - (began.all_ticks or 0)
    return ((ended.busy_ticks or 0) - (began.busy_ticks or 0)) / ticks if ticks >= _LEAST_TICKS else None


def peak_memory_bytes() -> int:
    """Return the most memory that the process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT


def open_files() -> int | None:
    """Return how many files and sockets the process has open, ``None`` where it cannot be told."""
    for folder in ("/proc/self/fd", "/dev/fd"):
        try:
            return sum(1 for _ in os.scandir(folder)) - 1  # without the one that lists them
        except OSError:
            continue
    return None


def open_files_limit() -> int | None:
    """Return how many files the process may open, ``None`` where there is no limit."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


@contextlib.contextmanager
def most_open_files() -> Iterator[None]:
    """Let the process open as many files as it may ever; the old limit comes back at the end."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    _raise_limit(soft, hard)
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _raise_limit(soft: int, hard: int) -> None:
    if soft == resource.RLIM_INFINITY:
        return
    wanted = [hard] if hard != resource.RLIM_INFINITY else []
    for limit in (*wanted, *_SOFT_LIMITS):
        if limit > soft:
            with contextlib.suppress(OSError, ValueError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
                return


def shortage(connections: int | None) -> tuple[Notice, ...]:
    """Say it where this many connections at once need more open files than the process may have."""
    limit, already = open_files_limit(), open_files()
    if connections is None or limit is None or already is None:
        return ()
    needed = connections + already + _FILES_BESIDE
    if needed <= limit:
        return ()
    message = (
        f"{units.format_count(connections)} requests at once need about {units.format_count(needed)} open files, and "
        f"the process may open {units.format_count(limit)}: connections will fail. Lower the concurrency, or raise "
        "the limit with 'ulimit -n' (its hard limit with 'ulimit -Hn')."
    )
    return (Notice(code="open_files", message=message),)


def _ticks() -> tuple[int | None, int | None]:
    try:
        line = Path("/proc/stat").read_text(encoding="ascii").partition("\n")[0]
    except OSError:
        return None, None
    name, *columns = line.split()
    counts = [int(each) for each in columns[:_COUNTED]]
    if name != "cpu" or len(counts) < _IDLE.stop:
        return None, None
    whole = sum(counts)
    return whole - sum(counts[_IDLE]), whole
