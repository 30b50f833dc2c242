"""The simulator's HTTP server, and its command line for running as a process of its own."""

import argparse
import asyncio
import gc
import json
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from pytest_llm_latency.errors import LatencyError
from pytest_llm_latency.simulator import listening, precise_loop
from pytest_llm_latency.simulator.connection import Service
from pytest_llm_latency.simulator.endpoints import Endpoints
from pytest_llm_latency.simulator.listening import Listener
from pytest_llm_latency.simulator.settings import load_settings
from pytest_llm_latency.simulator.simulation import Simulation
from pytest_llm_latency.simulator.timetable import Timetable
from pytest_llm_latency.simulator.truth import Exchange

_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a server is.

    ``control_url`` has the routes of ``/_simulator`` alone in mind: it is always plain HTTP on this
    machine, and no fault strikes there. ``certificate`` is the file that clients of an https URL
    take as their authority.
    """

    base_url: str
    control_url: str
    certificate: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a server is run.

    ``announce`` is called once with the address, ``on_exchange`` after each response. With
    ``until_stdin_ends`` the server stops when its standard input is closed, as it is when the
    parent process ends, and leaves Ctrl-C to the parent.
    """

    host: str = _LOOPBACK
    port: int = 0
    tls: bool = False
    settings: Mapping[str, object] = field(default_factory=dict)
    announce: Callable[[Address], None]
    on_exchange: Callable[[Exchange], None] | None = None
    until_stdin_ends: bool = False


@contextmanager
def serving(simulation: Simulation, options: Options) -> Iterator[Address]:
    """Serve in the running event loop as long as the block lasts.

    Raises ``PortInUseError`` or ``SimulatorError`` where that cannot be.
    """
    with tempfile.TemporaryDirectory(prefix="llm-simulator-") as folder:
        doors = [listening.bind(options.host, options.port)]
        try:
            doors.append(listening.bind(_LOOPBACK, 0))
            certificate, context = None, None
            if options.tls:
                from pytest_llm_latency.simulator import tls  # noqa: PLC0415  (ssl is slow to import)

                certificate, context = tls.certificate(Path(folder), options.host)
        except BaseException:
            for door in doors:
                door.close()
            raise
        base_url = _url("https" if options.tls else "http", options.host, doors[0])
        control_url = _url("http", _LOOPBACK, doors[1])
        timetable = Timetable()
        endpoints = Endpoints(simulation, base_url)
        service = Service(respond=endpoints.respond, refuse=endpoints.refuse, on_exchange=options.on_exchange)
        public = replace(service, greet=simulation.greet)
        listeners = [
            Listener(doors[0], public, timetable=timetable, tls=context),
            Listener(doors[1], service, timetable=timetable),
        ]
        try:
            yield Address(base_url=base_url, control_url=control_url, certificate=certificate)
        finally:
            for listener in listeners:
                listener.close()
            timetable.clear()


def _url(scheme: str, host: str, door: socket.socket) -> str:
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{door.getsockname()[1]}"


async def serve(options: Options) -> None:
    """Serve until SIGINT or SIGTERM, or until standard input ends where that is asked for."""
    with serving(Simulation(options.settings), options) as address:
        stopped = _stop_event(until_stdin_ends=options.until_stdin_ends)
        gc.collect()
        gc.freeze()  # what is loaded now is never garbage: collections stay short
        options.announce(address)
        await stopped.wait()


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
    """Run as a child process: say the address, or the error, in one JSON line on standard output."""
    parser = argparse.ArgumentParser(prog="python -m pytest_llm_latency.simulator.server")
    parser.add_argument("--host", default=_LOOPBACK)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--profile", type=Path)
    parser.add_argument("--tls", action="store_true")
    chosen = parser.parse_args(arguments)
    try:
        settings = {} if chosen.profile is None else load_settings(chosen.profile)
        run(
            Options(
                host=chosen.host,
                port=chosen.port,
                tls=chosen.tls,
                settings=settings,
                announce=_greet,
                until_stdin_ends=True,
            )
        )
    except LatencyError as error:
        _say({"error": type(error).__name__, "message": str(error)})
        return 1
    return 0


def _greet(address: Address) -> None:
    certificate = None if address.certificate is None else str(address.certificate)
    _say({"base_url": address.base_url, "control_url": address.control_url, "certificate": certificate})


def _say(line: Mapping[str, str | None]) -> None:
    sys.stdout.write(f"{json.dumps(line)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
