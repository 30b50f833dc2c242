"""What is said about shared limits, as nouns; on the wire they are what ``wire`` makes of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pytest_llm_latency.execution.sharing import kinds
from pytest_llm_latency.model import Budget, Notice, Pacing


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """The requests of one benchmark that a provider counts together, and what its author allows them.

    ``key`` stands for the model, the endpoint and the account.
    """

    benchmark: str
    key: str
    pacing: Pacing
    budget: Budget


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """A worker asks for leave for so many more requests: of those that wait, and of those that it expects.

    A number below 0 takes back what was asked for. ``tokens`` is what one of them may use.
    ``number`` is the worker's own name of the lane, which it describes in the first want alone.
    """

    number: int
    lane: Lane | None
    waiting: int
    ahead: int
    tokens: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """So many requests may be sent now, each under its number; at most ``most`` may be kept for later.

    ``ahead`` is how many more are asked for ahead and not given yet.
    """

    number: int
    requests: tuple[int, ...]
    most: int
    ahead: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """No request of a lane is let go any more, and why."""

    number: int
    notice: Notice


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    """At most so many requests may be kept for later; those above it are to be given back."""

    number: int
    most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Nothing goes to a provider for so long: one of the workers was refused."""

    key: str
    for_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What came of a request, ``age_s`` ago; ``idle`` is how many its worker keeps for later."""

    request: int
    http_status: int | None
    headers: tuple[tuple[str, str], ...]
    age_s: float
    tokens: float | None
    dollars: float | None
    idle: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """Requests that were never sent and will not be."""

    requests: tuple[int, ...]


Told = Grant | Stop | Idle | Hold
KINDS: dict[type[Told], str] = {Grant: kinds.GRANT, Stop: kinds.STOP, Idle: kinds.IDLE, Hold: kinds.HOLD}


class Controller(Protocol):
    """Where the accounts are kept, as a worker reaches it."""

    def send(self, kind: str, body: Mapping[str, Any]) -> None:
        """Send a message and do not wait."""

    def ask(self, kind: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Send a message and return its answer; raises ``ChannelError`` where none comes in time."""


class Worker(Protocol):
    """A worker, as the controller reaches it."""

    @property
    def name(self) -> str:
        """What the worker calls itself."""

    def send(self, kind: str, body: Mapping[str, Any]) -> None:
        """Send a message and do not wait."""
