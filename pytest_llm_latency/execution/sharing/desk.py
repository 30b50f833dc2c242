"""The controller's side of shared limits: messages in, the ledger asked, messages out, and a thread that keeps time."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

from pytest_llm_latency.execution.clock import Clock
from pytest_llm_latency.execution.sharing import kinds, messages
from pytest_llm_latency.execution.sharing.ledger import Ledger
from pytest_llm_latency.execution.sharing.messages import Hold, Returned, Settled, Want, Worker
from pytest_llm_latency.units import seconds
from pytest_llm_latency.wire import from_builtins, to_builtins


class Desk:
    """Serves a ledger to the workers that are there; every method may be called from any thread."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._workers: dict[str, Worker] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._takes: Mapping[str, Callable[[str, Mapping[str, Any], int], None]] = {
            kinds.WANT: lambda name, body, now_ns: ledger.want(name, from_builtins(Want, body), now_ns),
            kinds.SETTLE: lambda name, body, now_ns: ledger.settle(name, from_builtins(Settled, body), now_ns),
            kinds.RETURN: lambda name, body, now_ns: ledger.give_back(name, from_builtins(Returned, body), now_ns),
            kinds.REFUSED: lambda _, body, now_ns: ledger.hold(from_builtins(Hold, body), now_ns),
        }
        self._thread = threading.Thread(target=self._keep_time, name="llm-latency-limits", daemon=True)
        self._thread.start()

    def came(self, worker: Worker) -> None:
        """Know a worker from now on."""
        with self._changed:
            self._workers[worker.name] = worker

    def gone(self, worker: str) -> None:
        """Forget a worker, and give to the others what it has not used."""
        with self._changed:
            if self._workers.pop(worker, None) is not None:
                self._ledger.gone(worker, self._clock.now_ns())
                self._advance()

    def take(self, worker: str, kind: str, body: Mapping[str, Any]) -> None:
        """Take in a message; raises ``LookupError`` or ``WireError`` for one that makes no sense."""
        with self._changed:
            self._takes[kind](worker, dict(body), self._clock.now_ns())
            self._advance()

    def fits(self) -> dict[str, Any]:
        """Return why no benchmark may begin, as the answer to a worker that asks before it measures."""
        with self._changed:
            notice = self._ledger.exceeded(self._clock.now_ns())
        return {"message": None if notice is None else notice.message}

    def close(self) -> None:
        """End the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _advance(self) -> None:
        due_ns = self._ledger.due_ns
        for name, told in self._ledger.advance(self._clock.now_ns()):
            for worker in self._addressed(name):
                worker.send(messages.KINDS[type(told)], to_builtins(told))
        if self._ledger.due_ns != due_ns:
            self._changed.notify()

    def _addressed(self, name: str) -> list[Worker]:
        if not name:
            return list(self._workers.values())
        return [self._workers[name]] if name in self._workers else []

    def _keep_time(self) -> None:
        with self._changed:
            while not self._closed:
                due_ns, now_ns = self._ledger.due_ns, self._clock.now_ns()
                if due_ns is not None and due_ns <= now_ns:
                    self._advance()
                else:
                    self._changed.wait(None if due_ns is None else seconds(due_ns - now_ns))
