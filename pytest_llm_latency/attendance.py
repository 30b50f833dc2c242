"""Which latency tests a session has to report on, as far as that is known before one of them has a result."""

import time
from datetime import UTC, datetime

from pytest_llm_latency.errors import LatencyError


class Attendance:
    """The tests that are ``expected``, those that came without a result, and what else went wrong on the way.

    It begins with the session, whose time it keeps; what takes in results begins with the first of them.
    """

    def __init__(self) -> None:
        self.started_at = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._began_s = time.monotonic()
        self.expected: tuple[str, ...] = ()
        self.failed: set[str] = set()
        self.skipped: set[str] = set()
        self.problems: list[LatencyError] = []

    @property
    def duration_s(self) -> float:
        """How long the session has lasted so far."""
        return time.monotonic() - self._began_s

    @property
    def awaited(self) -> tuple[str, ...]:
        """The tests that must have a result, or have failed without one."""
        return tuple(each for each in self.expected if each not in self.skipped)

    def note(self, problem: LatencyError) -> None:
        """Let something that went wrong beside the results fail the session."""
        self.problems.append(problem)
