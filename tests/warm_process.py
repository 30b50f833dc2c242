"""The process that has imported what is slow and forks: for each connection one process, which runs one program."""

import contextlib
import gc
import importlib.metadata
import io
import json
import os
import runpy
import selectors
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

import pytest

import warm

# What is run before the first fork, so that all imports are done that a measurement needs: by pytest, because a module
# that came by another way could not be rewritten in the forks.
_FIRST = """
import pytest

@pytest.mark.llm_latency(model="openai/gpt-4o-mini", requests=2, warmup=1, limits=["ttft.p50 < 1h"])
async def test_first(llm):
    assert (await llm("hi")).text
"""
_OPTIONS = ("--llm-latency", "--llm-latency-simulate", "-o", "asyncio_default_fixture_loop_scope=function")
_READY = b"ready\n"


@contextlib.contextmanager
def running() -> Iterator[str]:
    """Run that process and yield its address."""
    with tempfile.TemporaryDirectory(prefix="warm") as folder:  # a short path, as an address must be
        address = f"{folder}/socket"
        with subprocess.Popen(
            [sys.executable, __file__, address],
            env={key: value for key, value in os.environ.items() if not key.startswith("COV")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == _READY
            yield address
            process.communicate()


def load() -> None:
    """Import what is slow, and keep it out of all later collections."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()) as printed:
        (Path(folder) / "test_first.py").write_text(_FIRST, encoding="utf-8")
        status = pytest.main(["-c", os.devnull, "--rootdir", folder, *_OPTIONS, "--llm-latency-accept", folder])
    assert status == pytest.ExitCode.OK, printed.getvalue()
    assert threading.active_count() == 1, "a fork has none of the other threads"
    gc.collect()
    gc.freeze()


def serve(address: str) -> list[str] | None:
    """Fork for each connection, and return the program and its arguments in each fork, ``None`` at the end of input."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener, selectors.DefaultSelector() as ready:
        listener.bind(address)
        listener.listen()
        os.write(1, _READY)
        ready.register(listener, selectors.EVENT_READ)
        ready.register(0, selectors.EVENT_READ)
        while all(key.fileobj is listener for key, _ in ready.select()):
            connection, _ = listener.accept()
            with connection:
                if os.fork() == 0:
                    return attend(connection)
            take_leave()
    take_leave()
    return None


def take_leave() -> None:
    """Let the system forget the forks that have ended, and count what they used as this process's."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def attend(connection: socket.socket) -> list[str]:
    """Start what is asked for and tell how it ends; return, in the process that is to run it, what that is."""
    message, streams, _, _ = socket.recv_fds(connection, warm.MOST_BYTES, 3)
    pid = os.fork()
    if pid:
        for stream in streams:
            os.close(stream)
        connection.send(str(pid).encode())
        _, status = os.waitpid(pid, 0)
        with contextlib.suppress(OSError):  # who asked may be gone
            connection.send(str(os.waitstatus_to_exitcode(status)).encode())
        os._exit(0)
    order = json.loads(message)
    become(order["folder"], order["env"], streams)
    argv: list[str] = order["argv"]
    return argv


def become(folder: str, env: dict[str, str], streams: Sequence[int]) -> None:
    """Take on the folder, the variables and the streams of a process that has just been started."""
    os.setsid()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    # Those that Python opened at its start remember whether they could be sought in.
    sys.stdin, sys.stdout, sys.stderr = (
        open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115  (open until the process ends)
        for number, mode in enumerate("rww")
    )


def run(argv: Sequence[str]) -> None:
    """Run a program of this environment, or Python with a file, a module or a text."""
    program, arguments = argv[0], list(argv[1:])
    if Path(program).name != "python":
        (script,) = importlib.metadata.entry_points(group="console_scripts", name=Path(program).name)
        sys.argv = [program, *arguments]
        sys.path[0] = str(Path(program).parent)
        sys.exit(script.load()())
    while arguments[0] in {"-u", "-B"}:
        del arguments[0]
    if not arguments[0].startswith("-"):
        sys.argv, sys.path[0] = arguments, str(Path(arguments[0]).parent)
        runpy.run_path(arguments[0], run_name="__main__")
        return
    kind, code, *rest = arguments
    sys.argv, sys.path[0] = [kind, *rest], ""
    if kind == "-m":
        runpy.run_module(code, run_name="__main__", alter_sys=True)
    else:
        assert kind == "-c", f"python {kind} is not provided for"
        sys.modules["__main__"] = ModuleType("__main__")
        exec(code, vars(sys.modules["__main__"]))


if __name__ == "__main__":
    load()
    asked = serve(sys.argv[1])
    if asked is not None:
        run(asked)
