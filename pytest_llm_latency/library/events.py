"""What a profile tells while it runs."""

from dataclasses import dataclass

from pytest_llm_latency.library.result import ProfileResult
from pytest_llm_latency.model import Plan
from pytest_llm_latency.report.live import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """Everything is prepared, and the first request is about to be sent."""

    name: str
    plan: Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The measuring has come to its end, and its result is there."""

    result: ProfileResult


Event = Started | Snapshot | Finished
