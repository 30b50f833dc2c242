"""The ground truth: when the simulator received each request and sent each piece of its response."""

from array import array
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from pytest_llm_latency.model import CONTROL, Integers

RING_SIZE = 20_000


def _integers() -> Integers:
    return array("q")


@dataclass(slots=True, kw_only=True)
class Exchange:
    """One request and its response, filled in while it goes on; nanoseconds of the monotonic clock.

    ``arrived_ns`` is when the last byte of the request arrived, by the kernel's stamp where there is
    one. ``headers_ns`` and ``sent_ns[i]`` are taken right before the write that hands the last byte
    of the headers, or of piece ``i`` of the body, to the kernel: no client can see the whole piece
    earlier. ``due_ns[i]`` is when it should have gone and ``piece_bytes[i]`` its size without
    transfer encoding, each for the whole planned response; ``sent_ns`` is shorter where the client
    went away or a fault struck. ``kinds`` has one letter of ``model.EventKind`` a piece.
    ``cached_tokens`` and ``cache_written_tokens`` are part of ``prompt_tokens``,
    ``reasoning_tokens`` of ``output_tokens``. ``complete`` says that the response ended as HTTP
    wants it.
    """

    request: int
    protocol: str
    model: str
    ordinal: int
    stream: bool
    status: int
    fault: str | None
    prompt_tokens: int
    output_tokens: int
    arrived_ns: int
    kinds: str
    reasoning_tokens: int = 0
    cached_tokens: int = 0
    cache_written_tokens: int = 0
    headers_ns: int | None = None
    complete: bool = False
    due_ns: Integers = field(default_factory=_integers)
    sent_ns: Integers = field(default_factory=_integers)
    piece_bytes: Integers = field(default_factory=_integers)

    @property
    def first_generated(self) -> int | None:
        """Return the index of the first piece that carries generated output."""
        generated = (index for index, kind in enumerate(self.kinds) if kind != CONTROL)
        return next(generated, None)


class TruthLog:
    """The last exchanges, up to ``size``; the oldest go first."""

    def __init__(self, size: int = RING_SIZE) -> None:
        self._ring: deque[Exchange] = deque(maxlen=size)

    def add(self, exchange: Exchange) -> None:
        """Keep an exchange, numbered above all earlier ones."""
        self._ring.append(exchange)

    def find(self, request: int) -> Exchange | None:
        """Return the exchange with a number, ``None`` where it is unknown or gone."""
        if not self._ring:
            return None
        index = request - self._ring[0].request
        return self._ring[index] if 0 <= index < len(self._ring) else None

    def since(self, request: int) -> Iterable[Exchange]:
        """Return the exchanges whose number is above ``request``, oldest first."""
        return (exchange for exchange in list(self._ring) if exchange.request > request)

    def clear(self) -> None:
        """Forget all exchanges."""
        self._ring.clear()
