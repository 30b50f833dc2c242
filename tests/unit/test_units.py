"""Parsing what people write and formatting what they read."""

import math

import pytest

from pytest_llm_latency import units
from pytest_llm_latency.errors import SettingsError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("800ms", 0.8),
        ("1.5s", 1.5),
        (" 2 min ", 120.0),
        ("1h", 3600.0),
        ("250us", 0.00025),
        ("250µs", 0.00025),
        ("5ns", 5e-9),
        ("1e3ms", 1.0),
    ],
)
def test_a_duration_is_read_in_seconds(text: str, expected: float) -> None:
    """Each unit is a factor, and blanks around it do not matter."""
    assert units.parse_duration(text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["800", "ms", "-5ms", "1,5s", "5 parsecs", "", "5ms 3"])
def test_a_text_that_is_no_duration_says_how_one_is_written(text: str) -> None:
    """The message shows the text and two examples."""
    with pytest.raises(SettingsError, match=r"is not a duration: .*'800ms' or '1\.5s'\.$"):
        units.parse_duration(text)


@pytest.mark.parametrize(("text", "expected"), [("20/s", 20.0), ("90 / min", 1.5), ("7200/h", 2.0)])
def test_a_rate_is_read_per_second(text: str, expected: float) -> None:
    """Minutes and hours become seconds."""
    assert units.parse_rate(text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["20", "/s", "20/ms", "-1/s", "20 per s"])
def test_a_text_that_is_no_rate_says_how_one_is_written(text: str) -> None:
    """The message shows the text and two examples."""
    with pytest.raises(SettingsError, match=r"is not a rate: .*'20/s' or '90/min'\.$"):
        units.parse_rate(text)


@pytest.mark.parametrize(("text", "expected"), [("5%", 0.05), ("12.5 %", 0.125), ("0.05", 0.05), ("1", 1.0)])
def test_a_share_is_read_as_a_fraction(text: str, expected: float) -> None:
    """With a percent sign it is divided by 100, without one it is taken as it is."""
    assert units.parse_percent(text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["five", "%", "-5%", "5 %%"])
def test_a_text_that_is_no_share_says_how_one_is_written(text: str) -> None:
    """The message shows the text and both forms."""
    with pytest.raises(SettingsError, match=r"is not a share: write it as '5%' or '0\.05'\.$"):
        units.parse_percent(text)


def test_money_is_read_in_dollars() -> None:
    """The dollar sign is part of the form."""
    assert units.parse_money(" $ 0.002 ") == pytest.approx(0.002)


@pytest.mark.parametrize("text", ["0.002", "€5", "$", "$-1"])
def test_a_text_that_is_no_money_says_how_it_is_written(text: str) -> None:
    """The message shows the text and an example."""
    with pytest.raises(SettingsError, match=r"is not an amount of money: .*'\$0\.002'\.$"):
        units.parse_money(text)


@pytest.mark.parametrize(("text", "expected"), [("25", 25.0), (" 2.5e1 ", 25.0)])
def test_a_plain_number_is_read(text: str, expected: float) -> None:
    """Decimals and exponents are allowed."""
    assert units.parse_number(text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["25ms", "", "nan", "inf"])
def test_a_text_that_is_no_number_says_how_one_is_written(text: str) -> None:
    """A unit, nothing and words are refused."""
    with pytest.raises(SettingsError, match=r"is not a number: .*'25'\.$"):
        units.parse_number(text)


def test_seconds_and_nanoseconds_convert_into_each_other() -> None:
    """Stamps are integers and durations floats."""
    assert units.seconds(1_500_000_000) == pytest.approx(1.5)
    assert units.nanoseconds(1.5) == 1_500_000_000
    assert type(units.nanoseconds(0.1)) is int


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "–"),
        (math.inf, "∞"),
        (0.0, "0 ms"),
        (123.4, "123 s"),
        (99.96, "100 s"),
        (12.34, "12.3 s"),
        (1.234, "1.23 s"),
        (0.9996, "1.00 s"),
        (0.996, "996 ms"),
        (0.1234, "123 ms"),
        (0.0123, "12.3 ms"),
        (0.001, "1.00 ms"),
        (0.000_25, "250 µs"),
        (5e-7, "500 ns"),
        (-0.25, "-250 ms"),
        (-250.0, "-250 s"),
    ],
)
def test_seconds_are_written_in_the_unit_that_fits(value: float | None, expected: str) -> None:
    """Three significant digits, and a sign of its own for what is absent or unbounded."""
    assert units.format_seconds(value) == expected


@pytest.mark.parametrize(
    ("fraction", "digits", "expected"),
    [
        (None, 1, "–"),
        (0.05, 1, "5 %"),
        (0.125, 1, "12.5 %"),
        (0.0, 1, "0 %"),
        (1.0, 0, "100 %"),
        (0.00123, 2, "0.12 %"),
    ],
)
def test_a_fraction_is_written_as_a_percentage(fraction: float | None, digits: int, expected: str) -> None:
    """Zeros at the end are left out, those before the point are not."""
    assert units.format_percent(fraction, digits=digits) == expected


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [
        (None, "–"),
        (math.inf, "+∞"),
        (1.36, "+36 %"),
        (0.9, "-10 %"),
        (1.0, "±0 %"),
        (0.999, "±0 %"),
        (1.001, "±0 %"),
        (2.0, "+100 %"),
    ],
)
def test_a_ratio_is_written_as_a_signed_change(ratio: float | None, expected: str) -> None:
    """No difference has a sign of its own, as has a ratio that is not known."""
    assert units.format_change(ratio) == expected


@pytest.mark.parametrize(
    ("dollars", "expected"),
    [
        (None, "–"),
        (0.0, "$0.00"),
        (12.345, "$12.35"),
        (0.996, "$1.00"),
        (0.25, "$0.25"),
        (0.00123, "$0.0012"),
        (0.000015, "$0.000015"),
    ],
)
def test_money_is_written_with_the_digits_that_matter(dollars: float | None, expected: str) -> None:
    """Cents from a dollar on, two significant digits below, never an exponent."""
    assert units.format_money(dollars) == expected


@pytest.mark.parametrize(
    ("rate", "expected"),
    [(None, "–"), (0.0, "0/s"), (20.0, "20/s"), (1.5, "1.5/s"), (1234.0, "1230/s"), (0.0125, "0.0125/s")],
)
def test_a_rate_is_written_per_second(rate: float | None, expected: str) -> None:
    """Three significant digits, never an exponent."""
    assert units.format_rate(rate) == expected


def test_a_count_is_written_with_thousands_separated() -> None:
    """A comma stands after each three digits."""
    assert units.format_count(1_234_567) == "1,234,567"


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (None, "s", "–"),
        (math.inf, "tokens/s", "∞"),
        (0.5, "s", "500 ms"),
        (0.0201, "s/token", "20.1 ms"),
        (0.00008, "USD", "$0.000080"),
        (83.21, "tokens/s", "83.2/s"),
        (412.0, "tokens", "412"),
        (412.5, "tokens", "412"),
        (25.25, "tokens", "25.2"),
        (12_000.0, "tokens", "12,000"),
    ],
)
def test_a_value_is_written_in_the_unit_of_its_metric(value: float | None, unit: str, expected: str) -> None:
    """The units of the metrics table each have their form."""
    assert units.format_value(value, unit) == expected


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        (None, "–"),
        ((1.21, 1.53), "+21 … +53 %"),
        ((0.95, 1.10), "-5 … +10 %"),
        ((1.1, math.inf), "+10 … +∞"),
        ((1.0, 1.0), "±0 … ±0 %"),
    ],
)
def test_an_interval_of_ratios_is_written_as_changes(interval: tuple[float, float] | None, expected: str) -> None:
    """The percent sign stands once."""
    assert units.format_interval(interval) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, "–"), (0.0, "< 0.0001"), (0.0004, "0.0004"), (0.044, "0.044"), (0.5, "0.5"), (1.0, "1")],
)
def test_a_p_value_is_written_with_a_bound_below(value: float | None, expected: str) -> None:
    """A p value is never written as zero."""
    assert units.format_probability(value) == expected


def test_an_error_rate_that_is_not_nothing_is_not_written_as_nothing() -> None:
    """One failure in ten thousand requests is below the last digit, yet not 0 %."""
    assert units.format_percent(0.0001) == "< 0.1 %"


def test_a_size_in_memory_is_written_in_mebibytes() -> None:
    """An absent size is a dash."""
    assert (units.format_bytes(184_549_376), units.format_bytes(None)) == ("176 MiB", "–")
