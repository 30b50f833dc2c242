"""The lock file of one environment's baselines: text in which a reviewer reads what changed.

It is TOML with one block for each test and one for each of its series, sorted, so that a change
touches its own lines. It also holds the SHA-256 of each Parquet file: the two belong together.
"""

import functools
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pytest_llm_latency.errors import CorruptFileError, NewerVersionError, StorageError

FORMAT = 1
NAME = "baselines.lock"

_HEADER = f"""\
format = {FORMAT}  # baselines that 'llm-latency baseline accept' stored: read in reviews, not edited
"""
_VERSION = re.compile(r"format = ([0-9]+)\b")
_CONFLICT = ("<<<<<<<", "|||||||", "=======", ">>>>>>>")
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedSeries:
    """One gated metric of one step over the accepted runs; figures are rounded for reading.

    ``n`` are the measured requests of all runs. A figure that they cannot support is ``None``, as
    is one that falls on a failed request. ``interval`` is the 95 % interval of ``p95``.
    """

    step: str | None
    metric: str
    unit: str
    n: int
    p50: float | None
    p95: float | None
    interval: tuple[float, float] | None

    @property
    def key(self) -> str:
        """The series within its test: the metric, behind the step where there is one."""
        return self.metric if self.step is None else f"{self.step}|{self.metric}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One test's baseline as the lock has it: how many runs, which file, who accepted it and why."""

    test_id: str
    sha256: str
    runs: int
    accepted: str
    commit: str | None
    reason: str | None
    series: tuple[LockedSeries, ...]


def read(path: Path) -> Mapping[str, Entry]:
    """Return the entries of a lock file by test id, sorted; empty when there is no file."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise StorageError(
            f"{path} cannot be read ({error.strerror or error}): check the path and its permissions."
        ) from error
    return _parse(data, path)


def render(entries: Iterable[Entry]) -> str:
    """Return the text of a lock file."""
    blocks = [_block(entry) for entry in sorted(entries, key=lambda each: each.test_id)]
    return "\n".join([_HEADER, *blocks])


def readable(text: str) -> str:
    """Return the text as UTF-8 can hold it: half of a surrogate pair becomes its escape."""
    return text.encode(errors="backslashreplace").decode()


def rounded(value: float | None) -> float | None:
    """Return the value as the lock writes it: six significant digits, none for an infinite one."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.6g}")


def _block(entry: Entry) -> str:
    name = _string(entry.test_id)
    lines = [
        f"[test.{name}]",
        f'sha256 = "{entry.sha256}"',
        f"runs = {entry.runs}",
        f"accepted = {_string(entry.accepted)}",
        *([] if entry.commit is None else [f"commit = {_string(entry.commit)}"]),
        *([] if entry.reason is None else [f"reason = {_string(entry.reason)}"]),
    ]
    for series in sorted(entry.series, key=lambda each: (each.step or "", each.metric)):
        lines += ["", f"[test.{name}.series.{_string(series.key)}]", f"n = {series.n}"]
        lines += [f"{key} = {value:.6g}" for key in ("p50", "p95") if (value := getattr(series, key)) is not None]
        if series.interval is not None:
            lines.append(f"p95_interval = [{series.interval[0]:.6g}, {series.interval[1]:.6g}]")
        lines.append(f"unit = {_string(series.unit)}")
    return "\n".join(lines) + "\n"


def _string(text: str) -> str:
    # TOML's basic strings have JSON's escapes, and want one for DEL besides.
    return json.dumps(readable(text), ensure_ascii=False).replace("\x7f", "\\u007f")


@functools.lru_cache(maxsize=8)
def _parse(data: bytes, path: Path) -> Mapping[str, Entry]:
    import tomllib  # noqa: PLC0415  (only where there is a lock file)

    try:
        text = data.decode()
        _check_conflicts(text, path)
        _check_version(text, path)
        content = tomllib.loads(text)
        _only(content, {"format", "test"})
        entries = [_entry(test_id, table) for test_id, table in content.get("test", {}).items()]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise CorruptFileError(
            f"{path} is damaged ({str(error).rstrip('.')}): restore it from version control together with the "
            "Parquet files beside it, or remove the folder and accept again."
        ) from error
    return MappingProxyType({entry.test_id: entry for entry in sorted(entries, key=lambda each: each.test_id)})


def _check_conflicts(text: str, path: Path) -> None:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith(_CONFLICT):
            raise CorruptFileError(
                f"{path} has merge-conflict markers (line {number}): take the lock and the Parquet files of one "
                "side (git checkout --ours or --theirs on the folder), then accept again what the other side changed."
            )


def _check_version(text: str, path: Path) -> None:
    found = _VERSION.match(text)
    if found is None:
        raise ValueError("the first line names no format")
    if int(found[1]) > FORMAT:
        raise NewerVersionError(
            f"{path} has format {found[1]} and this version reads up to {FORMAT}: upgrade pytest-llm-latency."
        )


def _entry(test_id: str, table: dict[str, Any]) -> Entry:
    _only(table, {"sha256", "runs", "accepted", "commit", "reason", "series"})
    sha256 = _typed(table["sha256"], str)
    if not _HASH.fullmatch(sha256):
        raise ValueError(f"{sha256!r} is no SHA-256")
    return Entry(
        test_id=test_id,
        sha256=sha256,
        runs=_typed(table["runs"], int),
        accepted=_typed(table["accepted"], str),
        commit=_optional(table, "commit", str),
        reason=_optional(table, "reason", str),
        series=tuple(_series(key, each) for key, each in table.get("series", {}).items()),
    )


def _series(key: str, table: dict[str, Any]) -> LockedSeries:
    _only(table, {"n", "p50", "p95", "p95_interval", "unit"})
    step, separator, metric = key.rpartition("|")
    interval = table.get("p95_interval")
    if interval is not None:
        low, high = interval
        interval = (_number(low), _number(high))
    return LockedSeries(
        step=step if separator else None,
        metric=metric,
        unit=_typed(table["unit"], str),
        n=_typed(table["n"], int),
        p50=None if "p50" not in table else _number(table["p50"]),
        p95=None if "p95" not in table else _number(table["p95"]),
        interval=interval,
    )


def _only(table: Mapping[str, Any], known: set[str]) -> None:
    unknown = sorted(table.keys() - known)
    if unknown:
        raise ValueError(f"{', '.join(unknown)} is not known here")


def _typed(value: Any, kind: type[Any]) -> Any:  # noqa: ANN401  (the caller names the type)
    if type(value) is not kind:
        raise TypeError(f"{value!r} stands where a {kind.__name__} belongs")
    return value


def _optional(table: Mapping[str, Any], key: str, kind: type[Any]) -> Any:  # noqa: ANN401  (the caller names the type)
    return _typed(table[key], kind) if key in table else None


def _number(value: Any) -> float:  # noqa: ANN401  (what TOML gave)
    if type(value) not in {int, float} or not math.isfinite(value):
        raise TypeError(f"{value!r} stands where a number belongs")
    return float(value)
