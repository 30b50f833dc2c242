"""Runs programs in processes of their own that need not import what is slow: forks of one that has imported it.

Such a process has its own folder, variables, streams, session of the system and exit status, as any other has. What
it does not show is what importing does; tests of that start a new interpreter. ``warm_process.py`` is what forks.
"""

import json
import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = ("python", "pytest", "llm-latency")
MOST_BYTES = 1 << 20

# Without site and environment: it imports next to nothing and leaves all that to the fork.
_PROGRAM = """#!{python} -SE
import sys
sys.path.insert(0, {here!r})
import warm
sys.exit(warm.pass_on({address!r}))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A process that was started: ``pid`` is also the number of its group and its session."""

    pid: int
    connection: socket.socket

    def wait(self, timeout_s: float | None = None) -> int:
        """Return the exit status, which is negative after a signal."""
        with self.connection:
            self.connection.settimeout(timeout_s)
            answer = self.connection.recv(64)
        assert answer, "the process that forks has ended before its fork"
        return int(answer)


def start(address: str, argv: list[str], *, folder: Path, streams: tuple[int, int, int]) -> Running:
    """Start a program with these arguments and, as its standard streams, these open files."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MOST_BYTES)
    connection.connect(address)
    order = {"argv": argv, "folder": str(folder), "env": dict(os.environ)}
    socket.send_fds(connection, [json.dumps(order).encode()], streams)
    return Running(pid=int(connection.recv(64)), connection=connection)


def pass_on(address: str) -> int:
    """Have a fork do what this process was started for, and return how it ended."""
    status = start(address, sys.argv, folder=Path.cwd(), streams=(0, 1, 2)).wait()
    return status if status >= 0 else 128 - status


def write_programs(folder: Path, address: str) -> None:
    """Write the programs that may be called as those of the same names."""
    here = str(Path(__file__).parent)
    for name in PROGRAMS:
        program = folder / name
        program.write_text(_PROGRAM.format(python=sys.executable, here=here, address=address), encoding="utf-8")
        program.chmod(0o755)
