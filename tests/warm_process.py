"""The process that has imported what is slow and forks: for each connection one process, which runs one program."""

import atexit
import contextlib
import gc
import importlib.metadata
import io
import json
import os
import runpy
import select
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import NoReturn

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


@contextlib.contextmanager
def running() -> Iterator[str]:
    """Run that process and yield its address; who asks before it has imported everything waits until then."""
    with tempfile.TemporaryDirectory(prefix="warm") as folder:  # a short path, as an address must be
        address = f"{folder}/socket"
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(address)
            listener.listen()
            process = subprocess.Popen(
                [sys.executable, __file__, str(listener.fileno())],
                env={key: value for key, value in os.environ.items() if not key.startswith("COV")},
                stdin=subprocess.PIPE,
                pass_fds=[listener.fileno()],
            )
        with process:
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


def serve(listening: int) -> list[str] | None:
    """Fork for each connection, and return the program and its arguments in each fork, ``None`` at the end of input."""
    with socket.socket(fileno=listening) as listener, selectors.DefaultSelector() as ready:
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
        if abandoned(connection, pid):
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        with contextlib.suppress(OSError):  # who asked may be gone
            connection.send(str(os.waitstatus_to_exitcode(status)).encode())
        os._exit(0)
    order = json.loads(message)
    become(order["folder"], order["env"], streams)
    argv: list[str] = order["argv"]
    return argv


def abandoned(connection: socket.socket, pid: int) -> bool:
    """Wait until a process has ended or who asked for it has; return whether that came first."""
    process = os.pidfd_open(pid)
    ended, _, _ = select.select([process, connection], [], [])
    os.close(process)
    return process not in ended


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
    if Path(program).is_absolute():
        sys.executable = str(Path(program).with_name("python"))  # what is started from here starts in the same way
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


def status_of(argv: Sequence[str]) -> int:
    """Run a program as ``run`` does and return its exit status; what Python says of an error is printed."""
    try:
        run(argv)
    except SystemExit as left:
        if left.code is None or isinstance(left.code, int):
            return left.code or 0
        sys.stderr.write(f"{left.code}\n")
        return 1
    except BaseException:  # noqa: BLE001  (as Python itself does with what nobody caught)
        traceback.print_exc()
        return 1
    return 0


def leave(status: int) -> NoReturn:
    """End as Python does, but for taking apart all that was imported: that takes longer than most programs here."""
    threading._shutdown()  # type: ignore[attr-defined]  (there is no public way to either)
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # nobody may read it any more
            stream.flush()
    os._exit(status)


if __name__ == "__main__":
    load()
    asked = serve(int(sys.argv[1]))
    if asked is not None:
        leave(status_of(asked))
