"""Seconds, rates, money and percent: parsing what people write, formatting what they read.

Inside the package, times are seconds as ``float`` and stamps are integer nanoseconds.
Every conversion stands here.
"""

import math
import re

from pytest_llm_latency.errors import SettingsError

NANOSECONDS = 1_000_000_000
MILLISECONDS = 1_000

_SECONDS_PER = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}
_NUMBER = r"([0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)"
# Compiled when the first text is read: every start of pytest imports this module, and few set anything.
_DURATION = rf"\s*{_NUMBER}\s*(ns|us|µs|ms|s|min|h)\s*"
_RATE = rf"\s*{_NUMBER}\s*/\s*(s|min|h)\s*"
_PERCENT = rf"\s*{_NUMBER}\s*%\s*"
_MONEY = rf"\s*\$\s*{_NUMBER}\s*"
_PLAIN = rf"\s*{_NUMBER}\s*"


def seconds(nanoseconds: int) -> float:
    """Convert integer nanoseconds to seconds."""
    return nanoseconds / NANOSECONDS


def nanoseconds(seconds: float) -> int:
    """Convert seconds to integer nanoseconds."""
    return round(seconds * NANOSECONDS)


def parse_duration(text: str) -> float:
    """Read ``"800ms"``, ``"1.5 s"`` or ``"2min"`` as seconds."""
    match = re.fullmatch(_DURATION, text)
    if match is None:
        raise SettingsError(f"{text!r} is not a duration: write a number and a unit, as in '800ms' or '1.5s'.")
    return float(match[1]) * _SECONDS_PER[match[2]]


def parse_seconds(text: str) -> float:
    """Read a plain number as seconds, or a duration with its unit."""
    return float(text) if re.fullmatch(_PLAIN, text) else parse_duration(text)


def parse_rate(text: str) -> float:
    """Read ``"20/s"`` or ``"90/min"`` as a number per second."""
    match = re.fullmatch(_RATE, text)
    if match is None:
        raise SettingsError(f"{text!r} is not a rate: write a number per time, as in '20/s' or '90/min'.")
    return float(match[1]) / _SECONDS_PER[match[2]]


def parse_percent(text: str) -> float:
    """Read ``"5%"`` or ``"0.05"`` as a fraction."""
    match = re.fullmatch(_PERCENT, text)
    if match is not None:
        return float(match[1]) / 100
    plain = re.fullmatch(_PLAIN, text)
    if plain is None:
        raise SettingsError(f"{text!r} is not a share: write it as '5%' or '0.05'.")
    return float(plain[1])


def parse_money(text: str) -> float:
    """Read ``"$0.002"`` as US dollars."""
    match = re.fullmatch(_MONEY, text)
    if match is None:
        raise SettingsError(f"{text!r} is not an amount of money: write it in dollars, as in '$0.002'.")
    return float(match[1])


def parse_dollars(text: str) -> float:
    """Read ``"$0.50"`` or ``"0.50"`` as US dollars."""
    return float(text) if re.fullmatch(_PLAIN, text) else parse_money(text)


def parse_number(text: str) -> float:
    """Read a plain number."""
    match = re.fullmatch(_PLAIN, text)
    if match is None:
        raise SettingsError(f"{text!r} is not a number: write it without a unit, as in '25'.")
    return float(match[1])


def format_seconds(value: float | None) -> str:
    """Write seconds with three significant digits in the unit that fits; ``–`` for an absent value."""
    if value is None:
        return "–"
    if math.isinf(value):
        return "∞"
    magnitude = abs(value)
    if magnitude >= 100:  # noqa: PLR2004  (from here on a fraction says nothing)
        return f"{value:.0f} s"
    for factor, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if float(f"{magnitude / factor:.3g}") >= 1:
            return f"{_significant(value / factor)} {unit}"
    return "0 ms" if value == 0 else f"{value * 1e9:.0f} ns"


def _significant(value: float, count: int = 3) -> str:
    if value == 0:
        return "0"
    rounded = float(f"{value:.{count}g}")
    digits = max(0, count - 1 - math.floor(math.log10(abs(rounded))))
    return f"{rounded:.{digits}f}"


def format_percent(fraction: float | None, *, digits: int = 1) -> str:
    """Write a fraction as a percentage without trailing zeros; what is not nothing is never ``0 %``."""
    if fraction is None:
        return "–"
    if 0 < fraction * 100 < 0.5 * 10**-digits:
        return f"< {10**-digits:.{digits}f} %"
    text = f"{fraction * 100:.{digits}f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} %"


def format_change(ratio: float | None) -> str:
    """Write a ratio as a signed change: 1.36 is ``+36 %``."""
    if ratio is None:
        return "–"
    if math.isinf(ratio):
        return "+∞"
    return f"{(ratio - 1) * 100:+.0f} %".replace("-0 %", "±0 %").replace("+0 %", "±0 %")


def format_money(dollars: float | None) -> str:
    """Write US dollars with the digits that matter: two of them below one dollar, cents above."""
    if dollars is None:
        return "–"
    if dollars == 0 or float(f"{dollars:.2g}") >= 1:
        return f"${dollars:.2f}"
    return f"${_significant(dollars, 2)}"


def format_rate(per_second: float | None) -> str:
    """Write a number per second with three significant digits, without trailing zeros."""
    if per_second is None:
        return "–"
    text = _significant(per_second)
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text}/s"


def format_count(value: int) -> str:
    """Write a count with thousands separated."""
    return f"{value:,}"


def format_value(value: float | None, unit: str) -> str:
    """Write a value of the metrics table in its unit; the unit of tokens stands in their heading."""
    if value is None:
        return "–"
    if math.isinf(value):
        return "∞"
    writers = {"s": format_seconds, "s/token": format_seconds, "USD": format_money, "tokens/s": format_rate}
    return writers.get(unit, format_number)(value)


def format_number(value: float) -> str:
    """Write a plain number: a whole one in full, another with three significant digits."""
    if value == round(value) or abs(value) >= 100:  # noqa: PLR2004  (from here on a fraction says nothing)
        return f"{value:,.0f}"
    return _significant(value)


def format_interval(interval: tuple[float, float] | None) -> str:
    """Write an interval of ratios as changes: (1.21, 1.53) is ``+21 … +53 %``."""
    if interval is None:
        return "–"
    low, high = (format_change(each) for each in interval)
    return f"{low.removesuffix(' %')} … {high}"


def format_probability(value: float | None) -> str:
    """Write a p value with two significant digits, and the bound below one in ten thousand."""
    if value is None:
        return "–"
    if value < 0.0001:  # noqa: PLR2004  (the bound that is printed)
        return "< 0.0001"
    return _significant(min(value, 1.0), 2).rstrip("0").rstrip(".")


def format_bytes(value: int | None) -> str:
    """Write a size in memory."""
    return "–" if value is None else f"{value / 1_048_576:,.0f} MiB"


def format_tick(value: float, unit: str) -> str:
    """Write a round value of an axis without trailing zeros: ``2 s`` where a table says ``2.00 s``."""
    number, gap, rest = format_value(value, unit).partition(" ")
    return f"{number.rstrip('0').rstrip('.') if '.' in number else number}{gap}{rest}"
