"""The JSON of two trackers of benchmarks: github-action-benchmark and Bencher."""

import json

from pytest_llm_latency import units
from pytest_llm_latency.report.ci.figures import Figure, figures
from pytest_llm_latency.report.ci.material import Material


def github_action_benchmark(material: Material) -> str:
    """Return the figures of which less is better, as the tool ``customSmallerIsBetter`` reads them."""
    entries = [
        {
            "name": f"{each.benchmark} · {each.name}",
            "unit": each.unit,
            "value": rounded(each.value),
            **({} if each.interval is None else {"range": _range(each.interval)}),
            "extra": f"environment {material.session.environment.label}",
        }
        for each in figures(material.session)
        if each.direction == "lower"
    ]
    return json.dumps(entries, indent=2, allow_nan=False) + "\n"


def bencher(material: Material) -> str:
    """Return the p95 of each metric in seconds as Bencher's measure ``latency``, which is in nanoseconds."""
    found = {f"{each.benchmark} · {each.name}": {"latency": _latency(each)} for each in _latencies(material)}
    return json.dumps(found, indent=2, allow_nan=False) + "\n"


def _latencies(material: Material) -> list[Figure]:
    return [each for each in figures(material.session) if each.quantile == "p95" and each.unit.startswith("ms")]


def _latency(figure: Figure) -> dict[str, float]:
    factor = units.NANOSECONDS / units.MILLISECONDS
    bounds = {} if figure.interval is None else dict(zip(("lower_value", "upper_value"), figure.interval, strict=True))
    return {name: round(value * factor) for name, value in {"value": figure.value, **bounds}.items()}


def _range(interval: tuple[float, float]) -> str:
    return " … ".join(f"{rounded(each):g}" for each in interval)


def rounded(value: float) -> float:
    """Return three significant digits: what follows is noise in every latency."""
    return float(f"{value:.3g}")
