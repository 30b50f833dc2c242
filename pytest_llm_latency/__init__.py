"""Finds latency regressions of LLM calls before users do.

The public names are loaded when they are first used, so that importing the package, as pytest
does, costs nothing.
"""

import importlib
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_llm_latency.benchmark import AsyncCaller, SyncCaller
    from pytest_llm_latency.errors import LatencyError, RequestFailedError
    from pytest_llm_latency.execution.clock import FakeClock
    from pytest_llm_latency.execution.fake_client import FakeClient
    from pytest_llm_latency.execution.reply import Reply
    from pytest_llm_latency.library.events import Event, Finished, Started
    from pytest_llm_latency.library.profiler import LatencyProfiler
    from pytest_llm_latency.library.result import ProfileResult, UntrustedRunWarning
    from pytest_llm_latency.load import burst, closed, constant, poisson, ramp, replay, stages
    from pytest_llm_latency.prompts import generated, shuffled
    from pytest_llm_latency.report.live import Snapshot
    from pytest_llm_latency.simulator.process import SimulatorProcess

__version__ = "0.1.0"

__all__ = [
    "AsyncCaller",
    "Event",
    "FakeClient",
    "FakeClock",
    "Finished",
    "LatencyError",
    "LatencyProfiler",
    "ProfileResult",
    "Reply",
    "RequestFailedError",
    "SimulatorProcess",
    "Snapshot",
    "Started",
    "SyncCaller",
    "UntrustedRunWarning",
    "__version__",
    "burst",
    "closed",
    "constant",
    "generated",
    "poisson",
    "ramp",
    "replay",
    "shuffled",
    "stages",
]

_HOMES = MappingProxyType({
    "AsyncCaller": "benchmark",
    "Event": "library.events",
    "FakeClient": "execution.fake_client",
    "FakeClock": "execution.clock",
    "Finished": "library.events",
    "LatencyError": "errors",
    "LatencyProfiler": "library.profiler",
    "ProfileResult": "library.result",
    "Reply": "execution.reply",
    "RequestFailedError": "errors",
    "SimulatorProcess": "simulator.process",
    "Snapshot": "report.live",
    "Started": "library.events",
    "SyncCaller": "benchmark",
    "UntrustedRunWarning": "library.result",
    "burst": "load",
    "closed": "load",
    "constant": "load",
    "generated": "prompts",
    "poisson": "load",
    "ramp": "load",
    "replay": "load",
    "shuffled": "prompts",
    "stages": "load",
})


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
