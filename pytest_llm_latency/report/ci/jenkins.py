"""What Jenkins' plugins read: Performance (JMeter's CSV), Plot, warnings-ng."""

import html
import json
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_llm_latency import units
from pytest_llm_latency.model import Columns
from pytest_llm_latency.report.ci.figures import figures
from pytest_llm_latency.report.ci.material import Material
from pytest_llm_latency.report.ci.problems import Problem, problems
from pytest_llm_latency.report.text import plain
from pytest_llm_latency.stats.columns import BY_COLUMN

if TYPE_CHECKING:
    from numpy.typing import NDArray

HEADER = "timeStamp,elapsed,label,responseCode,success,bytes"
_SEVERITIES = {"invalid": "ERROR", "regressed": "ERROR", "incomparable": "NORMAL", "inconclusive": "NORMAL"}
# Labels are read by plain splits too, and in the encoding of the machine.
_UNQUOTED = str.maketrans({",": ";", '"': "'", "·": "-"})


def performance(material: Material) -> str:
    """Return one line a measured request, as JMeter writes them."""
    lines = [line for evidence in material.evidence.values() for line in _requests(evidence.run)]
    return "\n".join([HEADER, *lines, ""])


def _requests(columns: Columns) -> Iterator[str]:
    run = columns.run
    began = round(datetime.fromisoformat(run.started_at).timestamp() * units.MILLISECONDS)
    since = (columns.started - columns.started.min(initial=columns.started.max(initial=0))) / units.NANOSECONDS
    for place, elapsed in enumerate(_elapsed(columns)):
        step, ok, status = columns.step[place], bool(columns.ok[place]), columns.http_status[place]
        yield ",".join((
            str(began + round(since[place] * units.MILLISECONDS)),
            str(round(elapsed * units.MILLISECONDS)),
            _unquoted(run.test_id if step is None else f"{run.test_id} · {step}"),
            "failed" if np.isnan(status) else f"{status:.0f}",
            "true" if ok else "false",
            str(columns.received_bytes[place]),
        ))


def _elapsed(columns: Columns) -> "NDArray[np.float64]":
    """Return seconds: to the last token, of a failed request to its last stamp."""
    stamps = np.array([np.zeros(columns.ok.size), *columns.after_ns.values()])
    last = np.nanmax(stamps, axis=0) / units.NANOSECONDS
    found = BY_COLUMN["e2e"](columns)
    return np.where(columns.ok & ~np.isnan(found), found, last)


def plot(material: Material) -> str:
    """Return the p95 of each metric in milliseconds: a line of names and a line of values."""
    found = [each for each in figures(material.session) if each.quantile == "p95" and each.unit == "ms"]
    if not found:
        return ""
    names = (_unquoted(f"{each.benchmark} {each.metric}") for each in found)
    return f"{','.join(names)}\n{','.join(f'{each.value:.3f}' for each in found)}\n"


def warnings(material: Material) -> str:
    """Return every problem as an issue of warnings-ng; its texts are taken for HTML there."""
    found = [_issue(each) for each in problems(material.session, material.place)]
    return json.dumps({"issues": found}, indent=2, allow_nan=False) + "\n"


def _issue(problem: Problem) -> dict[str, Any]:
    told = [html.escape(plain(each)) for each in (problem.sentence, *problem.reasons)]
    if problem.advice is not None:
        told.append(html.escape(problem.advice.sentence))
        if problem.advice.command is not None:
            told.append(f"<code>{html.escape(plain(problem.advice.command))}</code>")
    return {
        "fileName": problem.file or "-",
        "lineStart": problem.line or 0,
        "severity": _SEVERITIES.get(problem.status, "LOW") if problem.fails else "LOW",
        "message": html.escape(plain(f"{problem.title}: {problem.sentence}")),
        "description": "<br>".join(told),
        "category": problem.status,
        "type": problem.about,
        "fingerprint": problem.fingerprint,
    }


def _unquoted(text: str) -> str:
    return plain(text).translate(_UNQUOTED)
