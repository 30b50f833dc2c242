"""The nouns: what is measured, stored, compared and reported. Frozen values without I/O.

Stamps are integer nanoseconds of one monotonic clock, durations are seconds as ``float``,
and what did not happen is ``None``.

They are loaded when they are first used: making all their classes takes longer than collecting a
suite of tests, and a process that collects needs those of ``plan`` alone.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_llm_latency.model.columns import Columns, Events, Evidence
    from pytest_llm_latency.model.notice import LOST, Notice
    from pytest_llm_latency.model.past import Past, PastLevel
    from pytest_llm_latency.model.plan import Budget, Compared, Load, Pacing, Plan, Retries, Schedule, Trace
    from pytest_llm_latency.model.request import (
        CONTENT,
        CONTROL,
        MEASURE,
        REASONING,
        TOOL_CALL,
        WARMUP,
        Api,
        ClockSource,
        Decoded,
        EventKind,
        Failure,
        Integers,
        Phase,
        Recording,
        Request,
        Sample,
        Side,
        Stamps,
        Status,
        TokenSource,
        ToolCall,
        Usage,
    )
    from pytest_llm_latency.model.result import (
        WORST_FIRST,
        Comparison,
        Distribution,
        LimitCheck,
        Result,
        Session,
        Summary,
        Verdict,
        VerdictStatus,
    )
    from pytest_llm_latency.model.run import (
        ELSEWHERE,
        PROXY,
        Conditions,
        Environment,
        Run,
        Trust,
        Worker,
    )

__all__ = [
    "CONTENT",
    "CONTROL",
    "ELSEWHERE",
    "LOST",
    "MEASURE",
    "PROXY",
    "REASONING",
    "TOOL_CALL",
    "WARMUP",
    "WORST_FIRST",
    "Api",
    "Budget",
    "ClockSource",
    "Columns",
    "Compared",
    "Comparison",
    "Conditions",
    "Decoded",
    "Distribution",
    "Environment",
    "EventKind",
    "Events",
    "Evidence",
    "Failure",
    "Integers",
    "LimitCheck",
    "Load",
    "Notice",
    "Pacing",
    "Past",
    "PastLevel",
    "Phase",
    "Plan",
    "Recording",
    "Request",
    "Result",
    "Retries",
    "Run",
    "Sample",
    "Schedule",
    "Session",
    "Side",
    "Stamps",
    "Status",
    "Summary",
    "TokenSource",
    "ToolCall",
    "Trace",
    "Trust",
    "Usage",
    "Verdict",
    "VerdictStatus",
    "Worker",
]

_ROOMS = ("notice", "plan", "request", "run", "past", "result", "columns")  # each is made of some of those before it

if not TYPE_CHECKING:  # a type checker that saw it would take every name for a noun

    def __getattr__(name: str) -> object:
        for room in _ROOMS if name in __all__ else ():
            nouns = vars(importlib.import_module(f"{__name__}.{room}"))
            if name in nouns:
                return globals().setdefault(name, nouns[name])
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
