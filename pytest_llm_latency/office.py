"""Where the workers of a session turn to: the port they find, the time, the limits that they share, and their gang."""

from typing import TYPE_CHECKING, Any

from pytest_llm_latency.conductor import Conductor
from pytest_llm_latency.execution.sharing import kinds
from pytest_llm_latency.origin import Origin
from pytest_llm_latency.workers import words
from pytest_llm_latency.workers.channel import Message
from pytest_llm_latency.workers.listener import Handler, Listener, Peer

if TYPE_CHECKING:
    from pytest_llm_latency.execution.sharing.desk import Desk


class Office:
    """The controller's end of the channel, for so many workers; ``conductor`` is ``None`` where they form no gang."""

    def __init__(self, origin: Origin, conductor: Conductor | None, workers: int) -> None:
        self._origin = origin
        self._conductor = conductor
        self._workers = workers
        self._peers: dict[str, Peer] = {}
        self._desk: Desk | None = None
        handlers: dict[str, Handler] = {
            words.CLOCK: _tell_time,
            kinds.FITS: lambda peer, message: peer.reply(message, self._opened().fits()),
            **dict.fromkeys(kinds.TAKEN, self._take),
            **({} if conductor is None else conductor.handlers),
        }
        self._listener = Listener(handlers, came=self._came, gone=self._gone, host=origin.settings["listen"])
        if conductor is not None:
            conductor.hang_up = self._listener.close

    @property
    def given(self) -> dict[str, Any]:
        """What a worker needs to reach this process."""
        return {"address": list(self._listener.address), "token": self._listener.token}

    def close(self) -> None:
        """Hear nobody any more."""
        self._listener.close()
        if self._desk is not None:
            self._desk.close()
        if self._conductor is not None:
            self._conductor.close()

    # In the listener's thread.

    def _opened(self) -> "Desk":
        """Return the desk of the limits, which no session needs that has none: it opens with the first question."""
        if self._desk is None:
            from pytest_llm_latency.execution.clock import MonotonicClock  # noqa: PLC0415  (only with limits)
            from pytest_llm_latency.execution.sharing.desk import Desk  # noqa: PLC0415  (the same)
            from pytest_llm_latency.execution.sharing.ledger import Ledger  # noqa: PLC0415  (the same)
            from pytest_llm_latency.shares import session_budget  # noqa: PLC0415  (the same)

            self._desk = Desk(Ledger(session_budget(self._origin.settings), self._workers), MonotonicClock())
            for peer in self._peers.values():
                self._desk.came(peer)
        return self._desk

    def _came(self, peer: Peer) -> None:
        self._peers[peer.name] = peer
        if self._desk is not None:
            self._desk.came(peer)

    def _take(self, peer: Peer, message: Message) -> None:
        self._opened().take(peer.name, message.kind, message.body)

    def _gone(self, peer: Peer, reason: str) -> None:
        self._peers.pop(peer.name, None)
        if self._desk is not None:
            self._desk.gone(peer.name)
        if self._conductor is not None:
            self._conductor.gone(peer, reason)


def _tell_time(peer: Peer, message: Message) -> None:
    from pytest_llm_latency.workers import clocks  # noqa: PLC0415  (with the first latency test)

    clocks.tell(peer, message)
