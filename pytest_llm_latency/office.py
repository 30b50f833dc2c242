"""Where the workers of a session turn to: the port they find, the time, the limits that they share, and their gang."""

from typing import Any

from pytest_llm_latency.conductor import Conductor
from pytest_llm_latency.execution.clock import MonotonicClock
from pytest_llm_latency.execution.sharing import messages
from pytest_llm_latency.execution.sharing.desk import Desk
from pytest_llm_latency.execution.sharing.ledger import Ledger
from pytest_llm_latency.origin import Origin
from pytest_llm_latency.shares import session_budget
from pytest_llm_latency.workers import clocks
from pytest_llm_latency.workers.channel import Message
from pytest_llm_latency.workers.listener import Handler, Listener, Peer


class Office:
    """The controller's end of the channel, for so many workers; ``conductor`` is ``None`` where they form no gang."""

    def __init__(self, origin: Origin, conductor: Conductor | None, workers: int) -> None:
        self._conductor = conductor
        self._desk = Desk(Ledger(session_budget(origin.settings), workers), MonotonicClock())
        handlers: dict[str, Handler] = {
            clocks.CLOCK: clocks.tell,
            messages.FITS: lambda peer, message: peer.reply(message, self._desk.fits()),
            **dict.fromkeys(self._desk.kinds, self._take),
            **({} if conductor is None else conductor.handlers),
        }
        self._listener = Listener(handlers, came=self._desk.came, gone=self._gone, host=origin.settings["listen"])
        if conductor is not None:
            conductor.hang_up = self._listener.close

    @property
    def given(self) -> dict[str, Any]:
        """What a worker needs to reach this process."""
        return {"address": list(self._listener.address), "token": self._listener.token}

    def close(self) -> None:
        """Hear nobody any more."""
        self._listener.close()
        self._desk.close()
        if self._conductor is not None:
            self._conductor.close()

    def _take(self, peer: Peer, message: Message) -> None:
        self._desk.take(peer.name, message.kind, message.body)

    def _gone(self, peer: Peer, reason: str) -> None:
        self._desk.gone(peer.name)
        if self._conductor is not None:
            self._conductor.gone(peer, reason)
