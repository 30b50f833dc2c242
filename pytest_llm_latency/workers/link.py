"""A worker's end of the channel: one thread that sends and receives, so that the event loop never waits for it."""

import asyncio
import itertools
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from pytest_llm_latency.errors import ChannelError, LatencyError
from pytest_llm_latency.workers import channel
from pytest_llm_latency.workers.channel import Message

_CONNECT_S = 20.0
_PULSE_S = 1.0
_ENDLESS_S = 10.0**8  # a controller may have nothing to say for as long as a benchmark takes


def _alive() -> Message:
    return Message(kind=channel.ALIVE, body={})


class Link:
    """The connection of the worker ``name`` to its controller; every method may be called from any thread.

    ``handlers`` are for what the controller sends unasked, ``pulse`` returns what is sent every
    second; they are called in the link's thread and must be brief. ``ended`` has the reason when the
    connection has come to its end. Raises ``ChannelError`` where the controller cannot be reached.
    """

    def __init__(
        self,
        name: str,
        address: tuple[str, int],
        token: str,
        handlers: Mapping[str, Callable[[Message], None]] | None = None,
    ) -> None:
        self._name = name
        self._handlers = dict(handlers or {})
        self.pulse: Callable[[], Message] = _alive
        self.ended: Future[ChannelError] = Future()
        self._numbers = itertools.count(1)
        self._asked: dict[int, Future[Message]] = {}
        self._lost: str | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._loop = asyncio.new_event_loop()
        self._closing = asyncio.Event()
        connected: Future[None] = Future()
        run = self._run, (address, token, connected)
        self._thread = threading.Thread(target=run[0], args=run[1], name="llm-latency-link", daemon=True)
        self._thread.start()
        try:
            connected.result()
        except LatencyError:
            self._thread.join()
            raise

    @property
    def name(self) -> str:
        """What the worker calls itself."""
        return self._name

    def hear(self, kind: str, handler: Callable[[Message], None]) -> None:
        """Have a handler called for what the controller sends unasked from now on."""
        self._handlers[kind] = handler

    def send(self, kind: str, body: Mapping[str, Any], data: bytes = b"") -> None:
        """Send a message that has no answer; where the connection is lost, so is the message."""
        frame = channel.encode(Message(kind=kind, body=dict(body), data=data))
        with suppress(RuntimeError):  # the link is closed
            self._loop.call_soon_threadsafe(self._write, frame)

    def ask(self, kind: str, body: Mapping[str, Any], data: bytes = b"") -> "Future[Message]":
        """Send a message and return what its answer will be; ``ChannelError`` where the connection ends before."""
        number, answer = next(self._numbers), Future[Message]()
        frame = channel.encode(Message(kind=kind, body=dict(body), data=data, number=number))
        try:
            self._loop.call_soon_threadsafe(self._write_question, number, frame, answer)
        except RuntimeError:
            answer.set_exception(self._error())
        return answer

    def close(self) -> None:
        """Send what is waiting and close the connection."""
        with suppress(RuntimeError):  # it is closed already
            self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join()

    def _write(self, frame: bytes) -> None:
        if self._writer is not None and self._lost is None:
            self._writer.write(frame)

    def _write_question(self, number: int, frame: bytes, answer: "Future[Message]") -> None:
        if self._lost is None:
            self._asked[number] = answer
            self._write(frame)
        else:
            answer.set_exception(self._error())

    def _run(self, address: tuple[str, int], token: str, connected: "Future[None]") -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            try:
                reader, self._writer = runner.run(self._connect(address, token))
            except LatencyError as error:
                connected.set_exception(error)
                return
            connected.set_result(None)
            runner.run(self._talk(reader, self._writer))

    async def _connect(self, address: tuple[str, int], token: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        writer = None
        try:
            async with asyncio.timeout(_CONNECT_S):
                reader, writer = await asyncio.open_connection(*address)
                await channel.enter(reader, writer, token)
        except (OSError, TimeoutError, EOFError, ChannelError) as error:
            if writer is not None:
                writer.transport.abort()
            said = str(error).rstrip(".") or type(error).__name__
            raise ChannelError(
                f"the controller cannot be reached at {address[0]}:{address[1]} ({said}): "
                "is the address one that this machine can reach?"
            ) from None
        writer.write(channel.encode(Message(kind=channel.HELLO, body={"name": self._name})))
        return reader, writer

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hearing, breathing = asyncio.create_task(self._hear(reader)), asyncio.create_task(self._breathe(writer))
        await asyncio.wait((hearing, asyncio.create_task(self._closing.wait())), return_when=asyncio.FIRST_COMPLETED)
        breathing.cancel()
        if hearing.done():
            self._lost = hearing.result()
        else:
            hearing.cancel()
            self._lost = "the session has ended"
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(_CONNECT_S):
                    writer.close()
                    await writer.wait_closed()
        writer.transport.abort()
        for answer in self._asked.values():
            answer.set_exception(self._error())
        self.ended.set_result(self._error())

    async def _hear(self, reader: asyncio.StreamReader) -> str:
        """Hand over what comes, and return why no more does."""
        try:
            while True:
                message = await channel.read(reader, _ENDLESS_S)
                if message.kind == channel.REPLY and message.number in self._asked:
                    self._asked.pop(message.number).set_result(message)
                elif message.kind in self._handlers:
                    self._handlers[message.kind](message)
        except (OSError, EOFError) as error:
            return str(error) or type(error).__name__
        except LatencyError as error:
            return str(error)

    async def _breathe(self, writer: asyncio.StreamWriter) -> None:
        while True:
            await asyncio.sleep(_PULSE_S)
            writer.write(channel.encode(self.pulse()))

    def _error(self) -> ChannelError:
        return ChannelError(f"the connection to the controller is lost ({self._lost}): the session cannot go on.")
