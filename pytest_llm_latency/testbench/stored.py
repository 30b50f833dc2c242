"""LLM-Test-Bench's result files read back: JSON, JSON Lines and CSV, one result a request."""

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from pytest_llm_latency import data_files
from pytest_llm_latency.errors import CorruptFileError, ScenarioError
from pytest_llm_latency.testbench import executions, files
from pytest_llm_latency.testbench.checking import Fields, refuse
from pytest_llm_latency.testbench.results import COLUMNS
from pytest_llm_latency.testbench.stored_result import Result, agree, first_token, milliseconds, moment

MOST_BYTES = 40_000_000
STATUSES = ("success", "failure", "timeout", "skipped")
_COUNTS = MappingProxyType({"success": "succeeded", "failure": "failed", "timeout": "timeout", "skipped": "skipped"})
_OPTIONAL_COLUMNS = frozenset({"category", "tokens", "cost", "prompt_length", "response_length"})


def read(path: Path) -> tuple[Result, ...]:
    """Return the results of a file; raise ``CorruptFileError`` that says what is wrong with it."""
    try:
        return _read(path)
    except ScenarioError as error:  # of scenarios it is the user who writes them
        raise CorruptFileError(str(error)) from None


def _read(path: Path) -> tuple[Result, ...]:
    found = READERS[path.suffix.lower()](path, files.text(path, most_bytes=MOST_BYTES))
    if not found:
        raise ScenarioError(f"{path} has no results: name another file.")
    return tuple(found)


def _of_json(path: Path, text: str) -> Sequence[Result]:
    whole = Fields(values=_parsed(path, text, ""))
    results = executions.read(whole, path) if executions.are_in(whole) else _of_document(whole, path)
    refuse(whole.mistakes, path, text)
    return results


def _of_document(whole: Fields, path: Path) -> Sequence[Result]:
    dataset = whole.text("dataset_name", required=True) or path.stem
    provider = whole.text("provider_name", required=True)
    results = [_result(each, path, dataset, provider) for each in whole.list_of_fields("results")]
    if not whole.mistakes:
        counted = Counter(each.status for each in results)
        durations = [each.duration_s * 1e3 for each in results]
        agree(whole, {"total_tests": len(results)})
        agree(
            whole.fields("summary"),
            {
                "total": len(results),
                **{name: counted[status] for status, name in _COUNTS.items()},
                "success_rate": counted["success"] / len(results),
                "min_duration_ms": min(durations),
                "max_duration_ms": max(durations),
            },
        )
    return results


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
    reader = csv.reader(io.StringIO(text))
    try:
        rows = list(reader)
    except csv.Error as error:
        raise ScenarioError(f"{path}, line {reader.line_num}: {error}: write it as CSV.") from None
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
    duration_s, exact_ms = milliseconds(fields, "duration_ms"), fields.number("total_latency_ms")
    response = fields.fields("response")
    usage = response.fields("usage")
    whole_s = duration_s if exact_ms is None else exact_ms / 1e3
    found = Result(
        source=str(path.absolute()),
        dataset=dataset,
        test_id=fields.text("test_id", required=True) or "",
        provider=provider,
        model=response.text("model"),
        status=status or "",
        error=fields.text("error"),
        at=moment(fields, "timestamp"),
        duration_s=whole_s,
        ttft_s=first_token(fields, "ttft_ms", whole_s),
        tokens_in=usage.count("prompt_tokens", least=0),
        tokens_out=usage.count("completion_tokens", least=0),
        cost_usd=fields.number("estimated_cost"),
    )
    if not fields.mistakes:
        _check(fields, found, usage)
    return found


def _check(fields: Fields, found: Result, usage: Fields) -> None:
    """Note what a result says of itself that cannot be."""
    if fields.values.get("success", found.status == "success") is not (found.status == "success"):
        fields.wrong("success", f"success is {fields.values['success']}, and status is {found.status}: keep one.")
    duration_ms = fields.values.get("duration_ms")
    if isinstance(duration_ms, int | float) and abs(duration_ms - found.duration_s * 1e3) > 1:
        fields.wrong("duration_ms", f"duration_ms is {duration_ms}, and total_latency_ms another time: keep one.")
    if found.tokens_in is not None and found.tokens_out is not None:
        agree(usage, {"total_tokens": found.tokens_in + found.tokens_out}, "its parts come to")


READERS: Mapping[str, Callable[[Path, str], Sequence[Result]]] = MappingProxyType({
    ".json": _of_json,
    ".jsonl": _of_lines,
    ".csv": _of_csv,
})
