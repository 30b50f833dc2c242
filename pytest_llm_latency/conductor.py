"""The controller of a gang: hears its workers, judges what they measured together, and hands out their tests.

Three threads touch it. pytest's own calls the hooks, the listener's hands messages over, and one of
its own has the gang and everything that is decided, judged and stored for it.
"""

import functools
import queue
import threading
import time
import traceback
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pytest_llm_latency.attendance import Attendance
from pytest_llm_latency.errors import LatencyError
from pytest_llm_latency.live import Live
from pytest_llm_latency.origin import Origin
from pytest_llm_latency.workers import words
from pytest_llm_latency.workers.channel import Message
from pytest_llm_latency.workers.listener import Handler, Peer
from pytest_llm_latency.workers.scheduling import Node

if TYPE_CHECKING:
    from pytest_llm_latency.measuring import Measuring, Outcome
    from pytest_llm_latency.model import Compared, Notice
    from pytest_llm_latency.report.live import Together
    from pytest_llm_latency.workers.clocks import Offset
    from pytest_llm_latency.workers.gang import Gang
    from pytest_llm_latency.workers.rounds import Verdict

_TICK_S = 1.0

_Act = Callable[["Gang", float], None]


class Conductor:
    """One session's gang as pytest's process sees it; ``hang_up`` is called where it can hear its workers no more.

    ``receive`` takes in what was judged.
    """

    def __init__(
        self, origin: Origin, attendance: Attendance, live: Live, receive: "Callable[[Outcome], None]"
    ) -> None:
        self._origin = origin
        self._live = live
        self._progress: Together | None = None
        self._attendance = attendance
        self._receive = receive
        self._compared: dict[str, Compared] = {}
        self._nodes: dict[str, Node] = {}
        self._names: set[str] = set()
        self._down: list[str] = []
        self._broken: str | None = None
        self.hang_up: Callable[[], None] = lambda: None
        self._acts: queue.SimpleQueue[_Act | None] = queue.SimpleQueue()
        self._joining: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._gang: Gang | None = None
        self._offsets: dict[str, Offset] = {}
        self.held: dict[str, tuple[Node, list[dict[str, Any]]]] = {}
        self.together: tuple[str, ...] = ()
        self.handlers: Mapping[str, Handler] = {
            words.ARRIVE: self._ask,
            words.MEET: self._ask,
            words.LOOK: self._ask,
            words.DONE: self._ask,
            words.LEAVE: self._ask,
            words.PART: lambda peer, message: self._do(lambda gang, _: gang.part(peer, message)),
            words.OFFSET: self._on_offset,
            words.PROGRESS: self._on_progress,
            words.COLLECTED: self._on_collected,
            words.COMPARED: self._on_compared,
            words.HELD: self._on_held,
            words.BYE: self._on_bye,
        }
        self._thread = threading.Thread(target=self._run, name="llm-latency-gang", daemon=True)
        self._thread.start()

    # What the scheduler wants to know.

    @property
    def finished(self) -> Collection[str]:
        """The tests that nobody is to run any more."""
        return () if self._gang is None else self._gang.finished

    @property
    def names(self) -> Collection[str]:
        """The workers that were started and have not ended."""
        return frozenset(self._names)

    def sign(self, name: str) -> None:
        """Take note that a worker has run a test."""
        self._do(lambda gang, now_s: gang.sign(name, now_s))

    def settled(self) -> None:
        """Take note that every worker that has ended was replaced, if it is at all."""
        for name in self._down:
            self._do(_replaced(name))
        self._down.clear()

    # What pytest's process tells.

    def start(self, node: Node) -> None:
        """Expect a worker that is being started; it joins before the next thing is decided."""
        name = node.gateway.id
        self._nodes[name] = node
        self._names.add(name)
        self._joining.put(name)

    def down(self, node: Node, error: object) -> None:
        """Take note that a worker's process has ended."""
        name = node.gateway.id
        self._names.discard(name)
        reason = " ".join(str(error).split()) or "it ended"
        self._do(lambda gang, now_s: gang.lose(name, f"its process ended ({reason})", now_s))
        self._down.append(name)

    def stop(self, reason: str) -> None:
        """Begin no further test."""
        self._do(lambda gang, now_s: gang.stop(reason, now_s))

    def close(self) -> None:
        """Come to an end; what has arrived is judged and stored before this returns."""
        self._acts.put(None)
        self._thread.join()
        if self._broken is not None:
            raise RuntimeError(f"the workers could not be brought together:\n{self._broken}")

    # What workers say, in the listener's thread.

    def _ask(self, peer: Peer, message: Message) -> None:
        if message.number is None or type(message.body["test"]) is not str:
            raise TypeError("no question about a test")
        self._do(lambda gang, now_s: gang.ask(peer, message, now_s))

    def _on_progress(self, peer: Peer, message: Message) -> None:
        done = int(message.body["done"])
        if self._progress is None:
            from pytest_llm_latency.report.live import Together  # noqa: PLC0415  (only where something is measured)

            self._progress = Together()
        self._progress.hear(peer.name, message.body)
        self._live.show(self._progress.snapshot)
        self._do(lambda gang, now_s: gang.sign_of_progress(peer.name, done, now_s))

    def _on_collected(self, peer: Peer, message: Message) -> None:
        tests = tuple(map(str, message.body["tests"]))
        if not set(tests) <= set(self.together):  # the first worker to say so; the others have collected the same
            self.together = tuple(dict.fromkeys((*self.together, *tests)))
            self._attendance.expected = self.together
        peer.reply(message, {})

    def _on_compared(self, _: Peer, message: Message) -> None:
        from pytest_llm_latency.model import Compared  # noqa: PLC0415  (only where something is measured)
        from pytest_llm_latency.wire import from_builtins  # noqa: PLC0415  (the same)

        if not message.body["tests"].keys() <= self._compared.keys():  # the same: all have the same plans
            self._compared.update({test: from_builtins(Compared, each) for test, each in message.body["tests"].items()})

    def _on_held(self, peer: Peer, message: Message) -> None:
        self.held[str(message.body["test"])] = (self._nodes[peer.name], list(message.body["reports"]))
        peer.reply(message, {})

    def _on_bye(self, peer: Peer, message: Message) -> None:
        stopped = message.body["stopped"]
        if stopped:
            self.stop(str(stopped))
        self._do(lambda gang, now_s: gang.left(peer.name, now_s))
        peer.reply(message, {})

    def _on_offset(self, peer: Peer, message: Message) -> None:
        ahead_ns, error_ns = int(message.body["ahead_ns"]), int(message.body["error_ns"])
        from pytest_llm_latency.workers.clocks import Offset  # noqa: PLC0415  (the same)

        self._offsets[peer.name] = Offset(ahead_ns=ahead_ns, error_ns=error_ns)

    def gone(self, peer: Peer, reason: str) -> None:
        """Take note that a worker's connection has ended."""
        self._do(lambda gang, now_s: gang.lose(peer.name, reason, now_s))

    # What is decided, in the gang's thread.

    def _do(self, act: _Act) -> None:
        self._acts.put(act)

    def _run(self) -> None:
        act = self._acts.get()
        while act is not None:
            now_s = time.monotonic()
            try:
                self._gang = gang = self._gang or self._made()
                while not self._joining.empty():
                    gang.joined(self._joining.get(), now_s)
                act(gang, now_s)
                gang.tick(now_s)
            except Exception:  # noqa: BLE001  (a mistake in here ends the session with its traceback, and no worker waits)
                self._broken = traceback.format_exc()
                self.hang_up()
                return
            try:
                act = self._acts.get(timeout=_TICK_S)
            except queue.Empty:
                act = _wait

    def _made(self) -> "Gang":
        """Return a gang; there is none before something is to be decided, which is after the collection."""
        from pytest_llm_latency.workers.gang import Gang  # noqa: PLC0415  (only where something is measured)
        from pytest_llm_latency.workers.rounds import Duties  # noqa: PLC0415  (the same)

        return Gang(Duties(judge=self._judge, settle=self._settle, end=self._end, begin_ns=self._soon))

    @functools.cached_property
    def _measuring(self) -> "Measuring":
        from pytest_llm_latency.measuring import Measuring  # noqa: PLC0415  (the same)

        return Measuring(self._origin, self._compared, None, None)

    def _judge(self, found: Mapping[str, tuple[Mapping[str, Any], bytes]], lost: "tuple[Notice, ...]") -> "Verdict":
        from pytest_llm_latency import parts  # noqa: PLC0415  (only where something was measured)
        from pytest_llm_latency.wire import to_builtins  # noqa: PLC0415  (the same)
        from pytest_llm_latency.workers.rounds import Verdict  # noqa: PLC0415  (the same)

        self._live.hide()
        try:
            read = [parts.unpack(body, data) for body, data in found.values()]
            outcome = self._measuring.judged(parts.join(self._origin.session_id, read, lost))
        except LatencyError as error:
            return Verdict(body=None, error=str(error))
        self._receive(outcome)
        return Verdict(body={"result": to_builtins(outcome.result), "undecided": outcome.undecided}, error=None)

    def _settle(self, found: Mapping[str, tuple[Mapping[str, Any], bytes]]) -> dict[str, Any]:
        from pytest_llm_latency import parts  # noqa: PLC0415  (the same)
        from pytest_llm_latency.wire import to_builtins  # noqa: PLC0415  (the same)

        try:
            settled = self._measuring.settled([parts.unpack(body, data) for body, data in found.values()])
        except LatencyError as error:
            return {"off": str(error), "own": True, "keep": False}
        return {"settled": None if settled is None else to_builtins(settled)}

    def _soon(self, names: Sequence[str]) -> dict[str, int]:
        from pytest_llm_latency.workers import clocks  # noqa: PLC0415  (the same)

        offsets = {name: self._offsets.get(name, clocks.SAME_CLOCK) for name in names}
        return clocks.soon(time.monotonic_ns(), offsets)

    def _end(self, name: str) -> None:
        """End the process of a worker, which may be stopped and hear nothing: xdist then starts another one."""
        node = self._nodes.get(name)
        if node is not None:
            node.gateway._io.kill()  # noqa: SLF001  (execnet has no public way to end a process that does not listen)


def _wait(gang: "Gang", now_s: float) -> None:
    """Do nothing but let the gang look at the time."""


def _replaced(name: str) -> _Act:
    return lambda gang, now_s: gang.settled(name, now_s)
