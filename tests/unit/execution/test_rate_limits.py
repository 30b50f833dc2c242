"""What providers' headers say of their limits, and what cannot be read."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from pytest_llm_latency.execution.rate_limits import Allowance, allowances, retry_after_s

DATE = ("date", "Mon, 02 Mar 2026 09:15:00 GMT")


def stated(counted: str, limit: str, remaining: str, reset: str) -> list[tuple[str, str]]:
    """Return OpenAI's headers of one limit."""
    values = {"limit": limit, "remaining": remaining, "reset": reset}
    return [(f"x-ratelimit-{name}-{counted}", value) for name, value in values.items()]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1s", 1), ("6m0s", 360), ("20ms", 0.02), ("2m59.56s", 179.56), ("1h2m3s", 3723), ("1d", 86_400), ("12", 12)],
)
def test_a_limit_fills_in_the_time_that_its_reset_names(text: str, seconds: float) -> None:
    """As OpenAI, Azure OpenAI and Groq write it; what is filled is what is missing."""
    (found,) = allowances(stated("requests", "60", "30", text))
    assert found.counted == "requests"
    assert (found.limit, found.remaining) == (60, 30)
    assert found.per_s == pytest.approx(30 / seconds)


def test_anthropic_names_the_moment_by_its_own_clock() -> None:
    """This machine's clock may be off by minutes."""
    headers = [
        DATE,
        ("anthropic-ratelimit-requests-limit", "50"),
        ("anthropic-ratelimit-requests-remaining", "40"),
        ("anthropic-ratelimit-requests-reset", "2026-03-02T09:15:20Z"),
        ("anthropic-ratelimit-tokens-limit", "1000"),
        ("anthropic-ratelimit-tokens-remaining", "0"),
        ("anthropic-ratelimit-tokens-reset", "2026-03-02T10:15:40+01:00"),
    ]
    assert allowances(headers) == (
        Allowance(counted="requests", limit=50, remaining=40, per_s=0.5),
        Allowance(counted="tokens", limit=1000, remaining=0, per_s=25),
    )


@pytest.mark.parametrize("text", ["1772442930", "1772442930000", "2026-03-02T09:15:30+00:00"])
def test_a_reset_may_be_a_moment(text: str) -> None:
    """In seconds or milliseconds since 1970, or as a date; a wait of fifty years would be taken for a refusal."""
    (found,) = allowances([DATE, *stated("requests", "60", "30", text)])
    assert found.per_s == 1


@pytest.mark.parametrize("headers", [stated("tokens", "9", "9", "1s"), stated("tokens", "9", "2", "0s")])
def test_a_limit_that_is_full_does_not_show_how_fast_it_fills(headers: list[tuple[str, str]]) -> None:
    """One whose reset has passed is full."""
    assert allowances(headers) == (Allowance(counted="tokens", limit=9, remaining=9, per_s=None),)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        stated("requests", "60", "30", "")[:2],
        stated("requests", "60", "30", ""),
        stated("requests", "60", "30", "soon"),
        stated("requests", "60", "30", "1.2.3s"),
        stated("requests", "60", "30", "-3"),
        stated("requests", "60", "30", "1e300"),
        stated("requests", "sixty", "30", "1s"),
        stated("requests", "0", "0", "1s"),
        stated("requests", "nan", "30", "1s"),
        stated("requests", "inf", "30", "1s"),
        stated("requests", "60", "-1", "1s"),
    ],
)
def test_a_limit_that_cannot_be_read_is_none(headers: list[tuple[str, str]]) -> None:
    """Never a guess."""
    assert allowances(headers) == ()


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([("retry-after", "20")], 20),
        ([("retry-after", "0.5")], 0.5),
        ([("retry-after-ms", "250"), ("retry-after", "1")], 0.25),
        ([DATE, ("retry-after", "Mon, 02 Mar 2026 09:16:30 GMT")], 90),
        ([DATE, ("retry-after", "Mon, 02 Mar 2026 09:14:00 GMT")], 0),
        ([("retry-after-ms", "soon"), ("retry-after", "2")], 2),
        ([("retry-after", "-1")], None),
        ([("retry-after", "nan")], None),
        ([("retry-after", "1e999")], None),
        ([("retry-after", "tomorrow")], None),
        ([("retry-after", f"Mon, 02 Mar 2026 09:16:30 +{10**14}")], None),
        ([("retry-after", "")], None),
        ([], None),
    ],
)
def test_how_long_to_wait(headers: list[tuple[str, str]], seconds: float | None) -> None:
    """In seconds, in milliseconds or as a date; what cannot be read says nothing."""
    assert retry_after_s(headers) == seconds


def test_a_date_without_the_servers_own_is_read_by_this_machines_clock() -> None:
    """Not every server sends a date."""
    later = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    assert 3_500 < (retry_after_s([("retry-after", later)]) or 0) <= 3_600
