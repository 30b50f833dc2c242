"""What GitLab reads: code quality, browser performance, metrics and load performance.

Each is written by the rules of the parser or widget that reads it, which are narrower than those of
the format.
"""

import itertools
import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

from pytest_llm_latency import units
from pytest_llm_latency.model import Session
from pytest_llm_latency.report import wording
from pytest_llm_latency.report.ci.figures import Figure, figures
from pytest_llm_latency.report.ci.material import Material
from pytest_llm_latency.report.ci.problems import Problem, problems
from pytest_llm_latency.report.ci.trackers import rounded

_FINEST = 1e-12  # milliseconds: below it a power of ten has no exact float
_SEVERITIES = {"invalid": "blocker", "regressed": "major"}


def code_quality(material: Material) -> str:
    """Return one issue for each thing that the build is red for and that stands in a file."""
    found = [_issue(each) for each in problems(material.session, material.place) if each.fails and each.file]
    return json.dumps(found, indent=2, allow_nan=False) + "\n"


def _issue(problem: Problem) -> dict[str, Any]:
    return {
        "description": f"{problem.title}: {problem.sentence}",
        "check_name": f"llm-latency/{problem.status}",
        "fingerprint": problem.fingerprint,
        "severity": _SEVERITIES.get(problem.status, "minor"),
        "location": {"path": problem.file, "lines": {"begin": 1 if problem.line is None else problem.line}},
    }


def browser_performance(material: Material) -> str:
    """Return a table of subjects and their figures, rounded so far that noise does not show as a change."""
    subjects: dict[str, list[dict[str, Any]]] = {}
    for each in figures(material.session):
        entry = {"name": f"{each.name} ({each.unit})", "value": to_noise(each), "desiredSize": _SIZES[each.direction]}
        subjects.setdefault(each.benchmark, []).append(entry)
    found = [{"subject": name, "metrics": entries} for name, entries in subjects.items()]
    return json.dumps(found, indent=2, allow_nan=False) + "\n"


_SIZES = {"lower": "smaller", "higher": "larger"}


def to_noise(figure: Figure) -> float:
    """Round a figure to the step of 1, 2 or 5 times a power of ten that is not finer than its noise."""
    least = figure.value * figure.noise
    if least < _FINEST:
        return figure.value
    power = 10.0 ** math.floor(math.log10(least))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))
    return float(f"{round(figure.value / step) * step:.12g}")


def metrics(material: Material) -> str:
    """Return OpenMetrics text that survives being cut at ``#`` and split as a shell splits."""
    found = sorted(figures(material.session), key=lambda each: (_family(each), each.benchmark, each.name))
    lines = []
    for family, group in itertools.groupby(found, key=_family):
        lines += [f"# TYPE {family} gauge", *(f"{family}{_labels(each)} {rounded(each.value):.12g}" for each in group)]
    return "\n".join([*lines, "# EOF", ""])


def _family(figure: Figure) -> str:
    unit = figure.unit.replace("/", "_per_").replace("%", "percent")
    return f"llm_latency_{figure.metric}_{unit}"


def _labels(figure: Figure) -> str:
    named = {"benchmark": figure.test_id, "step": figure.step, "quantile": _QUANTILES.get(figure.quantile or "")}
    return "{" + ",".join(f'{name}="{_label(value)}"' for name, value in named.items() if value is not None) + "}"


_QUANTILES = {"p50": "0.5", "p95": "0.95"}
_LABEL = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "#": "%23"})


def _label(text: str) -> str:
    return "".join(each if each.isprintable() or each == "\n" else " " for each in text).translate(_LABEL)


def load_performance(material: Material) -> str:
    """Return a summary as k6 writes it: the requests of all benchmarks, their times to first token on the whole."""
    session = material.session
    totals = wording.totals(session.results)
    seconds = math.fsum(each.duration_s for each in session.results)
    found: dict[str, Any] = {}
    if totals.requests and seconds > 0:
        found["http_reqs"] = {"count": totals.requests, "rate": rounded(totals.requests / seconds)}
        found["checks"] = {"passes": totals.requests - totals.errors, "fails": totals.errors}
    first_tokens = list(_first_tokens(session))
    if first_tokens:
        quantiles = zip(*first_tokens, strict=True)
        found["http_req_waiting"] = dict(zip(("p(90)", "p(95)"), map(_geometric_mean, quantiles), strict=True))
    return json.dumps({"metrics": found}, indent=2, allow_nan=False) + "\n"


def _first_tokens(session: Session) -> Iterator[tuple[float, float]]:
    """Yield the p90 and the p95 of the time to first token of each step that has both."""
    for summary in (each for result in session.results for each in result.summaries):
        found = summary.distribution("ttft")
        if found is not None and found.p90 and found.p95:
            yield found.p90, found.p95


def _geometric_mean(seconds: Sequence[float]) -> float:
    """Return it in milliseconds."""
    return rounded(units.MILLISECONDS * math.exp(math.fsum(map(math.log, seconds)) / len(seconds)))
