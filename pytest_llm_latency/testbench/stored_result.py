"""One result of a request as a file of them says it, whichever system wrote it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pytest_llm_latency.testbench.checking import Fields
from pytest_llm_latency.testbench.rows import Row

_ROUNDING = 1e-3
_LONGEST_MS = 1e10
_LAST_YEAR = 2200
_EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a file says of a request. ``source`` is the file, or the run, that it is from."""

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


def measured(results: Iterable[Result]) -> list[Result]:
    """Return the results without those that were skipped: they are no requests."""
    return [each for each in results if each.status != "skipped"]


def moment(fields: Fields, key: str) -> datetime:
    """Return the moment that a key has, in UTC where it does not say otherwise."""
    text = fields.text(key, required=True)
    try:
        found = datetime.fromisoformat(text or "1970-01-01")
    except ValueError:
        fields.wrong(key, f"{key} is {text!r}: write it as in '2026-03-02T09:15:00Z'.")
        return _EPOCH
    if text is not None and not _EPOCH.year <= found.year <= _LAST_YEAR:
        fields.wrong(key, f"{key} is {text!r}, a moment of no request: write the file again.")
        return _EPOCH
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def milliseconds(fields: Fields, key: str) -> float:
    """Return the seconds that a required key has in milliseconds."""
    found = fields.number(key, required=True) or 0.0
    if found > _LONGEST_MS:
        fields.wrong(key, f"{key} is {found:g}, more than {_LONGEST_MS / 86_400_000:.0f} days: write milliseconds.")
        return 0.0
    return found / 1e3


def first_token(fields: Fields, key: str, duration_s: float) -> float | None:
    """Return the seconds that a key has in milliseconds; they are at most the whole time, which may be rounded."""
    found = fields.number(key)
    if found is None:
        return None
    if found > duration_s * 1e3 + 1:
        fields.wrong(key, f"{key} is {found:g}, after the end of the request: write the file again.")
        return None
    return found / 1e3


def agree(fields: Fields, true: Mapping[str, float], what: str = "the results are") -> None:
    """Note each figure of a file that is another one than its results come to."""
    for name, value in true.items():
        said = fields.values.get(name)
        if said is not None and (not isinstance(said, int | float) or abs(said - value) > _ROUNDING):
            fields.wrong(name, f"{name} is {said!r}, and {what} {value:g}: write the file again.")
