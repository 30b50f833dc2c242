"""What the artefacts of a CI are rendered from in tests: fixed sessions, hostile texts, many benchmarks."""

import dataclasses
import math
from typing import Any

import nouns
import sessions
from pytest_llm_latency.model import Result
from pytest_llm_latency.report.ci.formats import render_all
from pytest_llm_latency.report.ci.material import Material
from pytest_llm_latency.report.ci.place import Place

HOSTILE_ID = "tests/a b.py::test_x[a,b|c`d\"e'f#g\nh&<i>$j\\k%l:m;n@all]"
HOSTILE_TEXT = '503: <script>alert("1")</script>\n::error::x | `y` [z](http://q) @everyone #1 \x1b[31m\ud800 %0A\r\n'
MANY = 500


def place(server: str = "github", **changes: Any) -> Place:
    """Return where a session ran: in the root of its checkout."""
    return Place(**{"server": server, "folder": "", "url": "https://ci.example/runs/7", **changes})


def material(name: str = "full", server: str = "github") -> Material:
    """Return one of the fixed sessions."""
    session, evidence = sessions.SESSIONS[name]()
    return Material(session=session, evidence=evidence, place=place(server))


def of(*results: Result, server: str = "github", **changes: Any) -> Material:
    """Return a session of these results without raw runs."""
    return Material(session=nouns.session(*results, **changes), evidence={}, place=place(server))


def hostile(server: str = "github") -> Material:
    """Return a session whose names and texts hold everything that means something to some format."""
    slow = nouns.comparison("ttft", "regressed", step="st,ep|#1", reasons=(HOSTILE_TEXT, HOSTILE_TEXT))
    samples = nouns.samples([0.3, None, 0.4], step="st,ep|#1", failed=nouns.failure("X", HOSTILE_TEXT))
    run = nouns.run(samples=samples, test_id=HOSTILE_ID)
    result = nouns.result(
        "regressed",
        of=run,
        comparisons=(slow, nouns.comparison("e2e", "inconclusive", ratio=math.inf, interval=(0.5, math.inf))),
        limits=(nouns.limit(HOSTILE_TEXT, "regressed", message=HOSTILE_TEXT),),
        environment_changes=(HOSTILE_TEXT,),
    )
    invalid = nouns.result("invalid", of=nouns.run([], test_id="t.py::test_none"), reasons=(HOSTILE_TEXT,))
    session = nouns.session(result, invalid, problems=(HOSTILE_TEXT,), expected=(HOSTILE_ID, "t.py::lost"))
    return Material(session=session, evidence={HOSTILE_ID: nouns.evidence(run)}, place=place(server))


def many(server: str = "github") -> Material:
    """Return a session in which hundreds of benchmarks regressed, each by a size of its own."""
    run, verdict = nouns.run(nouns.lognormal(60, median=0.3)), nouns.comparison("ttft", "regressed")
    one = nouns.result("regressed", of=run, comparisons=(verdict,))
    results = [
        dataclasses.replace(
            one,
            test_id=f"tests/test_many.py::test_{number}",
            comparisons=(nouns.comparison("ttft", "regressed", ratio=1.2 + number / MANY),),
        )
        for number in range(MANY)
    ]
    return of(*results, server=server)


def texts(made: Material) -> dict[str, str]:
    """Return what is rendered of a session, by the name of the file."""
    return {name: content.decode("utf-8") for name, content in render_all(made).items()}
