"""Many requests at once over few connections: HTTP/2's pool.

A request goes over an open connection that has room for it. While one is being set up, those that
come wait for it together, as many as it may be expected to take.
"""

import asyncio
import time
from collections import defaultdict

from pytest_llm_latency.execution import dialing, http1, http2
from pytest_llm_latency.execution.answer import Progress
from pytest_llm_latency.execution.dialing import Opening
from pytest_llm_latency.execution.exchange import WireRequest
from pytest_llm_latency.execution.http2 import Session
from pytest_llm_latency.execution.routes import Route
from pytest_llm_latency.execution.tls import Contexts


class _Dial:
    """A connection that is being set up, for all who wait for it."""

    def __init__(self, route: Route, contexts: Contexts, streams: int) -> None:
        self.opening = Opening()
        self.waiting = 0
        self.given_up = False
        self.streams = streams
        self.loop = asyncio.get_running_loop()
        self.task = asyncio.create_task(self._open(route, contexts))

    async def _open(self, route: Route, contexts: Contexts) -> Session:
        return Session(await dialing.connect(route, self.opening, contexts, "2"), self.streams)

    async def wait(self) -> Session:
        """Return the session; who is the last to give up ends the set-up."""
        self.waiting += 1
        try:
            return await asyncio.shield(self.task)
        finally:
            self.waiting -= 1
            if not self.waiting and not self.task.done():
                self.given_up = True  # it ends at its next turn, and nobody may join it until then
                self.task.cancel()


class Multiplexed:
    """Sends requests side by side over the connections of a route."""

    def __init__(self, contexts: Contexts) -> None:
        self._contexts = contexts
        self._sessions: defaultdict[Route, list[Session]] = defaultdict(list)
        self._dials: defaultdict[Route, list[_Dial]] = defaultdict(list)

    async def exchange(self, request: WireRequest, progress: Progress) -> None:
        """Send a request and wait for the whole answer."""
        session = await self._session(request.route, progress)
        progress.send_start = time.monotonic_ns()
        progress.answer = answer = session.open(request)
        progress.give_up = lambda: session.give_up(answer)
        if await session.send(answer, request.body):
            progress.send_end = time.monotonic_ns()
        await answer.done

    def close(self) -> None:
        """Close every connection."""
        for dial in [each for dials in self._dials.values() for each in dials]:
            if not dial.loop.is_closed():
                dial.task.cancel()
        for session in [each for sessions in self._sessions.values() for each in sessions]:
            session.connection.close()
        self._dials.clear()
        self._sessions.clear()

    async def _session(self, route: Route, progress: Progress) -> Session:
        """Return a connection with room, perhaps after waiting for one; a second attempt has a new one."""
        session = self._with_room(route) if progress.attempts == 1 else None
        progress.reused = session is not None
        while session is None:
            dial = self._joinable(route)
            progress.opening = dial.opening
            opened = await dial.wait()
            session = opened if opened.room else self._with_room(route)
        return session

    def _with_room(self, route: Route) -> Session | None:
        now_ns, loop = time.monotonic_ns(), asyncio.get_running_loop()
        for session in list(self._sessions[route]):
            connection = session.connection
            idle = not session.busy
            if connection.loop is not loop or (idle and now_ns - connection.idle_since_ns >= http1.KEEP_ALIVE_NS):
                connection.close()
            elif idle:
                connection.settle()  # a busy loop may not have seen yet that the server has closed it
            if connection.closed or session.leaving:
                self._sessions[route].remove(session)
            elif session.room:
                return session
        return None

    def _joinable(self, route: Route) -> _Dial:
        """Return a set-up that is under way and can take another request, or begin one."""
        loop = asyncio.get_running_loop()
        for dial in self._dials[route]:
            under_way = dial.loop is loop and not dial.task.done() and not dial.given_up
            if under_way and dial.waiting < dial.streams:
                return dial
        streams = min((each.allowed for each in self._sessions[route]), default=http2.ASSUMED_STREAMS)
        dial = _Dial(route, self._contexts, max(1, streams))
        self._dials[route].append(dial)
        dial.task.add_done_callback(lambda task: self._opened(route, dial, task))
        return dial

    def _opened(self, route: Route, dial: _Dial, task: "asyncio.Task[Session]") -> None:
        failed = task.cancelled() or task.exception() is not None
        if dial not in self._dials[route]:  # closed meanwhile
            if not failed:
                task.result().connection.close()
            return
        self._dials[route].remove(dial)
        if not failed:
            self._sessions[route].append(task.result())
