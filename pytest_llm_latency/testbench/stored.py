"""LLM-Test-Bench's result files read back: JSON, JSON Lines and CSV, one result a request."""

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

from pytest_llm_latency import data_files
from pytest_llm_latency.errors import CorruptFileError, ScenarioError
from pytest_llm_latency.testbench.checking import Fields, refuse
from pytest_llm_latency.testbench.results import COLUMNS
from pytest_llm_latency.testbench.rows import Row

STATUSES = ("success", "failure", "timeout", "skipped")
_COUNTS = MappingProxyType({"success": "succeeded", "failure": "failed", "timeout": "timeout", "skipped": "skipped"})
_OPTIONAL_COLUMNS = frozenset({"category", "tokens", "cost", "prompt_length", "response_length"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One result: what a file of them says of a request. ``source`` is the file, or the run, that it is from."""

    source: str
    dataset: str
    test_id: str
    provider: str | None
    model: str | None
    status: str
    error: str | None
    at: datetime
    duration_s: float
    ttft_s: float | None
    tokens_in: int | None
    tokens_out: int | None
    cost_usd: float | None


def of_row(row: Row) -> Result:
    """Return what a file of results would say of a measured request, with its times in full."""
    return Result(
        source=row.run.id,
        dataset=Path(row.run.file).stem,
        test_id=row.test_id,
        provider=row.provider,
        model=row.served_model if row.succeeded else None,
        status=row.status,
        error=row.error,
        at=row.started_at,
        duration_s=row.duration_s,
        ttft_s=row.ttft_s,
        tokens_in=row.tokens_in,
        tokens_out=row.tokens_out,
        cost_usd=row.cost_usd,
    )


def read(path: Path) -> tuple[Result, ...]:
    """Return the results of a file; raise ``CorruptFileError`` that says what is wrong with it."""
    try:
        return _read(path)
    except ScenarioError as error:  # of scenarios it is the user who writes them
        raise CorruptFileError(str(error)) from None


def _read(path: Path) -> tuple[Result, ...]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ScenarioError(f"{path} cannot be read ({error.strerror or error}): check the path.") from None
    except UnicodeDecodeError:
        raise ScenarioError(f"{path} is not UTF-8: save it as UTF-8.") from None
    found = READERS[path.suffix.lower()](path, text)
    if not found:
        raise ScenarioError(f"{path} has no results: name another file.")
    return found


def _of_json(path: Path, text: str) -> tuple[Result, ...]:
    content = _parsed(path, text, "")
    whole = Fields(values=content)
    dataset = whole.text("dataset_name", required=True) or path.stem
    provider = whole.text("provider_name", required=True)
    results = [_result(each, path, dataset, provider) for each in whole.list_of_fields("results")]
    if not whole.mistakes:
        _check_counts(whole, results)
    refuse(whole.mistakes, path, text)
    return tuple(results)


def _check_counts(whole: Fields, results: Sequence[Result]) -> None:
    """Note where a file says another number of results than it has."""
    counted, summary = Counter(each.status for each in results), whole.fields("summary")
    said = [(whole, "total_tests", len(results)), (summary, "total", len(results))]
    said += [(summary, name, counted[status]) for status, name in _COUNTS.items()]
    for fields, name, true in said:
        given = fields.values.get(name)
        if given is not None and given != true:
            fields.wrong(name, f"{name} is {given!r}, and the results are {true}: write the file again.")


def _of_lines(path: Path, text: str) -> tuple[Result, ...]:
    found = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            place = f", line {number}"
            fields = Fields(values=_parsed(path, line, place))
            found.append(_result(fields, path, path.stem, fields.text("provider")))
            if fields.mistakes:
                raise ScenarioError(f"{path}{place}: {fields.mistakes[0].message}")
    return tuple(found)


def _parsed(path: Path, text: str, place: str) -> Mapping[str, object]:
    try:
        content = data_files.parse_json(text)
    except (ValueError, RecursionError) as error:
        said = str(error).removeprefix("line 1, ") if place else error
        raise ScenarioError(f"{path}{place}, {said}: write it as JSON.") from None
    if not isinstance(content, dict):
        raise ScenarioError(f"{path}{place}: a mapping of a result belongs there.")
    return content


def _of_csv(path: Path, text: str) -> tuple[Result, ...]:
    rows = list(csv.reader(io.StringIO(text)))
    header = rows[0] if rows else []
    lacking = [name for name in COLUMNS if name not in header and name not in _OPTIONAL_COLUMNS]
    if lacking:
        raise ScenarioError(f"{path} lacks the columns {', '.join(lacking)}: name a file of results.")
    found = []
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(header):
            raise ScenarioError(
                f"{path}, line {number} has {len(row)} cells, and the header has {len(header)}: write the file again."
            )
        fields = Fields(values=_cells(dict(zip(header, row, strict=True))))
        found.append(_result(fields, path, path.stem, None))
        if fields.mistakes:
            raise ScenarioError(f"{path}, line {number}: {fields.mistakes[0].message}")
    return tuple(found)


def _cells(row: Mapping[str, str]) -> dict[str, object]:
    """Return a row of CSV in the shape of a result of JSON."""
    usage = {name: _number(row[name]) for name in ("prompt_tokens", "completion_tokens")}
    return {
        "test_id": row["test_id"],
        "status": row["status"].lower(),  # some versions begin it with a capital
        "duration_ms": _number(row["duration_ms"]),
        "timestamp": row["timestamp"],
        "error": row["error"] or None,
        "estimated_cost": _number(row.get("cost", "")),
        "response": {"model": row["model"], "usage": usage} if row["model"] else None,
    }


def _number(cell: str) -> object:
    try:
        return json.loads(cell) if cell else None
    except ValueError:
        return cell  # the check of its field says what is wrong


def _result(fields: Fields, path: Path, dataset: str, provider: str | None) -> Result:
    status = fields.text("status", required=True)
    if status is not None and status not in STATUSES:
        fields.wrong("status", f"status is {status!r}: it must be one of {', '.join(STATUSES)}.")
    duration_ms, exact_ms = fields.number("duration_ms"), fields.number("total_latency_ms")
    if duration_ms is None and "duration_ms" not in fields.values:
        fields.wrong(None, "the key 'duration_ms' is missing: write a number there.")
    response = fields.fields("response")
    usage, ttft_ms = response.fields("usage"), fields.number("ttft_ms")
    return Result(
        source=str(path.absolute()),
        dataset=dataset,
        test_id=fields.text("test_id", required=True) or "",
        provider=provider,
        model=response.text("model"),
        status=status or "",
        error=fields.text("error"),
        at=_moment(fields),
        duration_s=(exact_ms if exact_ms is not None else duration_ms or 0.0) / 1e3,
        ttft_s=None if ttft_ms is None else ttft_ms / 1e3,
        tokens_in=usage.count("prompt_tokens", least=0),
        tokens_out=usage.count("completion_tokens", least=0),
        cost_usd=fields.number("estimated_cost"),
    )


def _moment(fields: Fields) -> datetime:
    text = fields.text("timestamp", required=True)
    try:
        found = datetime.fromisoformat(text or "1970-01-01")
    except ValueError:
        fields.wrong("timestamp", f"timestamp is {text!r}: write it as in '2026-03-02T09:15:00Z'.")
        return datetime.fromtimestamp(0, UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


READERS: Mapping[str, Callable[[Path, str], tuple[Result, ...]]] = MappingProxyType({
    ".json": _of_json,
    ".jsonl": _of_lines,
    ".csv": _of_csv,
})


def measured(results: Iterable[Result]) -> list[Result]:
    """Return the results without those that were skipped: they are no requests."""
    return [each for each in results if each.status != "skipped"]
