"""The simulator's HTTP server, and its command line for running as a process of its own."""

import argparse
import asyncio
import errno
import gc
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from pytest_llm_latency import wire
from pytest_llm_latency.errors import LatencyError, PortInUseError, SettingsError, SimulatorError
from pytest_llm_latency.simulator import precise_loop, sending
from pytest_llm_latency.simulator.answers import QuestionError
from pytest_llm_latency.simulator.protocols import PROTOCOLS
from pytest_llm_latency.simulator.settings import load_settings
from pytest_llm_latency.simulator.simulation import Response, Simulation
from pytest_llm_latency.simulator.truth import Exchange

_BACKLOG = 1024
_SHUTDOWN_S = 0.1
_LARGEST_PORT = 65535
_LARGEST_REQUEST = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a server is run.

    ``announce`` is called once with the base URL, ``on_exchange`` after each response. With
    ``until_stdin_ends`` the server stops when its standard input is closed, as it is when the
    parent process ends, and leaves Ctrl-C to the parent.
    """

    host: str = "127.0.0.1"
    port: int = 0
    settings: Mapping[str, object] = field(default_factory=dict)
    announce: Callable[[str], None]
    on_exchange: Callable[[Exchange], None] | None = None
    until_stdin_ends: bool = False


def application(simulation: Simulation, on_exchange: Callable[[Exchange], None] | None = None) -> web.Application:
    """Return the server's routes: the providers' and the simulator's own under ``/_simulator``."""
    app = web.Application(client_max_size=_LARGEST_REQUEST)
    for name, protocol in PROTOCOLS.items():
        endpoint = _Endpoint(simulation, name, on_exchange)
        app.router.add_routes([web.post(path, endpoint.handle) for path in protocol.PATHS])
    control = _Control(simulation)
    app.router.add_routes([
        web.get("/_simulator/health", control.health),
        web.get("/_simulator/truth", control.truth),
        web.post("/_simulator/profile", control.profile),
        web.post("/_simulator/reset", control.reset),
    ])
    return app


class _Endpoint:
    """Answers the requests of one protocol."""

    def __init__(self, simulation: Simulation, protocol: str, on_exchange: Callable[[Exchange], None] | None) -> None:
        self._simulation = simulation
        self._protocol = protocol
        self._on_exchange = on_exchange

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        arrived_ns = time.monotonic_ns()
        response = self._response(body, request.match_info.get("call", ""), arrived_ns)
        try:
            return await _transmit(request, response)
        finally:
            if self._on_exchange is not None:
                self._on_exchange(response.exchange)

    def _response(self, body: bytes, call: str, arrived_ns: int) -> Response:
        try:
            question = PROTOCOLS[self._protocol].question(_object(body), call)
        except (ValueError, QuestionError) as error:
            return self._simulation.refuse(self._protocol, str(error), arrived_ns)
        return self._simulation.respond(self._protocol, question, arrived_ns)


def _object(body: bytes) -> Mapping[str, object]:
    content = json.loads(body)
    if not isinstance(content, dict):
        raise QuestionError("the body of the request must be a JSON object")
    return content


async def _transmit(request: web.Request, response: Response) -> web.StreamResponse:
    """Send a response as planned; a ``ConnectionResetError`` tells aiohttp that there is no more to do."""
    planned, exchange, transport = response.transmission, response.exchange, request.transport
    if transport is None:
        raise ConnectionResetError("the client closed the connection")
    await sending.sleep_until(planned.headers_due_ns)
    if response.vanishes:
        sending.reset(transport)
        raise ConnectionResetError("the simulator reset the connection")
    stream = web.StreamResponse(status=response.status, headers=response.headers)
    stream.content_length = planned.content_length
    exchange.headers_ns = time.monotonic_ns()
    await stream.prepare(request)
    await sending.Sender(transport, planned, exchange).send()
    if planned.ending == "complete":
        await stream.write_eof()
        exchange.complete = True
        return stream
    if planned.ending == "stall":
        await asyncio.Event().wait()  # until the client goes, which cancels this task
    await sending.sleep_until(planned.end_due_ns)
    if planned.ending == "reset":
        sending.reset(transport)
    else:
        transport.close()
    raise ConnectionResetError("the simulator broke the connection off")


class _Control:
    """Answers what tests ask of the simulator itself."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    async def health(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def truth(self, request: web.Request) -> web.Response:
        """Answer one exchange (``request=``) or those above a number (``since=``) as JSON lines."""
        if "request" in request.query:
            number = _number(request.query["request"])
            found = self._simulation.log.find(number)
            if found is None:
                return _complaint(404, f"request {number} is not in the log: it keeps the last ones since the reset.")
            return web.Response(text=_json(found), content_type="application/json")
        exchanges = self._simulation.log.since(_number(request.query.get("since", "0")))
        return web.Response(text="".join(f"{_json(each)}\n" for each in exchanges), content_type="application/jsonl")

    async def profile(self, request: web.Request) -> web.Response:
        """Replace the settings that the body names."""
        try:
            self._simulation.configure(_object(await request.read()))
        except (SettingsError, QuestionError, ValueError) as error:
            return _complaint(400, str(error))
        return web.json_response({"status": "ok"})

    async def reset(self, _request: web.Request) -> web.Response:
        self._simulation.reset()
        return web.json_response({"status": "ok"})


def _number(text: str) -> int:
    if not text.isdecimal():
        raise web.HTTPBadRequest(text=f"{text!r} is not a request's number: take it from x-simulator-request.")
    return int(text)


def _json(exchange: Exchange) -> str:
    return json.dumps(wire.to_builtins(exchange), separators=(",", ":"))


def _complaint(status: int, message: str) -> web.Response:
    return web.json_response({"error": message}, status=status)


async def serve(options: Options) -> None:
    """Serve until SIGINT or SIGTERM, or until standard input ends where that is asked for."""
    runner = web.AppRunner(
        application(Simulation(options.settings), options.on_exchange),
        access_log=None,
        handler_cancellation=True,
        shutdown_timeout=_SHUTDOWN_S,
    )
    await runner.setup()
    try:
        port = await _listen(runner, options)
        stopped = _stop_event(until_stdin_ends=options.until_stdin_ends)
        gc.collect()
        gc.freeze()  # what is loaded now is never garbage: collections stay short
        options.announce(f"http://{options.host}:{port}")
        await stopped.wait()
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, options: Options) -> int:
    if not 0 <= options.port <= _LARGEST_PORT:
        raise SimulatorError(f"port {options.port} does not exist: choose one from 0 (a free one) to {_LARGEST_PORT}.")
    site = web.TCPSite(runner, options.host, options.port, backlog=_BACKLOG)
    try:
        await site.start()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortInUseError(
                f"port {options.port} of {options.host} is in use: stop the process that has it, "
                "or choose another port (0 takes a free one)."
            ) from None
        reason = error.strerror or str(error)
        raise SimulatorError(
            f"the simulator cannot listen on {options.host}:{options.port} ({reason}): choose another host or port."
        ) from None
    port: int = runner.addresses[0][1]
    return port


def _stop_event(*, until_stdin_ends: bool) -> asyncio.Event:
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    if not until_stdin_ends:
        loop.add_signal_handler(signal.SIGINT, stopped.set)
        return stopped
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def read() -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            loop.remove_reader(sys.stdin)
            stopped.set()

    loop.add_reader(sys.stdin, read)
    return stopped


def run(options: Options) -> None:
    """Run ``serve`` on a loop with exact timers; blocks until the server stops."""
    with asyncio.Runner(loop_factory=precise_loop.new_event_loop) as runner:
        runner.run(serve(options))


def main(arguments: list[str] | None = None) -> int:
    """Run as a child process: say the base URL, or the error, in one JSON line on standard output."""
    parser = argparse.ArgumentParser(prog="python -m pytest_llm_latency.simulator.server")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--profile", type=Path)
    chosen = parser.parse_args(arguments)
    try:
        settings = {} if chosen.profile is None else load_settings(chosen.profile)
        run(
            Options(
                host=chosen.host,
                port=chosen.port,
                settings=settings,
                announce=lambda url: _say({"base_url": url}),
                until_stdin_ends=True,
            )
        )
    except LatencyError as error:
        _say({"error": type(error).__name__, "message": str(error)})
        return 1
    return 0


def _say(line: Mapping[str, str]) -> None:
    sys.stdout.write(f"{json.dumps(line)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
