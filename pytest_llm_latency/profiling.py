"""Measures without pytest: one body under the load of its plan, through the same parts that measure a test."""

import asyncio
import inspect
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from pytest_llm_latency import preparing
from pytest_llm_latency.benchmark import AsyncCaller, Benchmark, SyncCaller
from pytest_llm_latency.errors import LatencyError, ProfileError
from pytest_llm_latency.execution import event_loop
from pytest_llm_latency.marker import Prepared
from pytest_llm_latency.measuring import Measuring
from pytest_llm_latency.model import Run
from pytest_llm_latency.options import Settings
from pytest_llm_latency.origin import Origin, new_session_id, own_region
from pytest_llm_latency.parts import Test
from pytest_llm_latency.report.live import Snapshot, of_progress

if TYPE_CHECKING:
    from pytest_llm_latency.execution.client import Client
    from pytest_llm_latency.simulator.process import SimulatorProcess

AsyncBody = Callable[[AsyncCaller], Awaitable[object]]
PlainBody = Callable[[SyncCaller], object]
Body = AsyncBody | PlainBody
Show = Callable[[Snapshot], object]

SHOW_EVERY_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is measured, and how: ``name`` stands where a session has the id of a test.

    ``body`` is one iteration, a coroutine function or a plain one, which runs in threads. ``access`` are
    litellm's parameters of every request that names no own ones. Paths of the settings count from ``root``.
    ``client`` sends the requests where it is not litellm's. ``words`` puts a message that names options of
    pytest into those of the user. ``show`` is called every second while it is measured.
    """

    name: str
    prepared: Prepared
    body: Body
    access: Mapping[str, object] = field(repr=False)  # it may have a key
    settings: Settings
    root: Path
    client: "Client | None"
    words: Callable[[str], str]
    show: Show | None

    @property
    def is_async(self) -> bool:
        """Whether the body is to be awaited."""
        called = self.body if inspect.isroutine(self.body) else type(self.body).__call__
        return inspect.iscoroutinefunction(self.body) or inspect.iscoroutinefunction(called)


def without_prompts(settings: Settings) -> Settings:
    """Return the settings of who names a prompt: those of a settings file give way."""
    return replace(settings, values={**settings.values, "prompts": None})


class Profiling:
    """One task from its preparation to its run: ``prepare``, one of the two ``measure``, ``run``, and ``close``.

    One at a time in a process: two would disturb each other, and litellm's settings are the process's.
    ``raised`` is what ``show`` has raised.
    """

    _turn: ClassVar = threading.Lock()

    def __init__(self, task: Task) -> None:
        self._task = task
        self.raised: Exception | None = None
        origin = Origin(
            session_id=new_session_id(),
            root=task.root,
            settings=task.settings,
            worker=None,
            controller_region=own_region(),
        )
        self._origin = origin
        self._measuring: Measuring | None = None
        self._simulator: SimulatorProcess | None = None
        self._caller = AsyncCaller() if task.is_async else SyncCaller()
        self._benchmark: Benchmark | None = None
        if not Profiling._turn.acquire(blocking=False):
            raise ProfileError(
                "another profile is being measured in this process, and two would disturb each other: wait for its "
                "end, or raise the concurrency of one."
            )

    def prepare(self) -> None:
        """Start what is asked and import what sends; it takes seconds, and no event loop may run in this thread.

        Raises ``SettingsError`` for files that cannot be read, and ``ProviderError`` for a model that is unknown,
        not simulated or without its key.
        """
        task, plan = self._task, self._task.prepared.plan
        with _in_words_of(task):
            preparing.check_environment(task.settings)
            preparing.check_files(task.settings)
            if task.settings["simulate"] and task.client is None:
                self._simulator = preparing.start_simulator(task.settings)
            bases = None if self._simulator is None else self._simulator.api_bases
            self._measuring = measuring = Measuring(self._origin, {}, bases, None)
            client = (
                measuring.client(plan, task.name)
                if task.client is None
                else measuring.limited(task.client, plan, task.name)
            )
        self._benchmark = Benchmark(plan, client, self._caller, task.prepared.source)
        self._benchmark.reach(task.access)

    async def measure(self) -> None:
        """Measure an async body in the event loop that is running."""
        body = cast("AsyncBody", self._task.body)
        with self._shown(), _in_words_of(self._task):
            await self._prepared.run(lambda: body(cast("AsyncCaller", self._caller)))

    def measure_alone(self) -> None:
        """Measure in an event loop of its own; the iterations of a plain body run in threads beside it."""
        if self._task.is_async:
            with asyncio.Runner(loop_factory=event_loop.factory()) as runner:
                runner.run(self.measure())
            return
        body = cast("PlainBody", self._task.body)
        with self._shown(), _in_words_of(self._task):
            self._prepared.run_in_threads(lambda: body(cast("SyncCaller", self._caller)))

    @property
    def has_measured(self) -> bool:
        """Whether a request that counts was begun."""
        return self._benchmark is not None and self._benchmark.progress.began_ns is not None

    def run(self) -> Run:
        """Decode what was measured, to its end or until it was cut off."""
        assert self._measuring is not None  # noqa: S101  (made together with the benchmark)
        return self._measuring.run(self._prepared, Test(id=self._task.name, file="", line=None))

    def close(self) -> None:
        """Give litellm its own settings back, and stop the simulator."""
        with ExitStack() as closing:
            closing.callback(Profiling._turn.release)
            for each in (self._simulator, self._measuring):
                if each is not None:
                    closing.callback(each.close)

    @property
    def _prepared(self) -> Benchmark:
        assert self._benchmark is not None  # noqa: S101  (``prepare`` comes first)
        return self._benchmark

    @contextmanager
    def _shown(self) -> Iterator[None]:
        """Have a thread tell how far the benchmark is, until the function that it tells raises something."""
        show, over = self._task.show, threading.Event()
        if show is None:
            yield
            return
        progress, began_s = self._prepared.progress, time.monotonic()

        def tell() -> None:
            while not over.wait(SHOW_EVERY_S):
                try:
                    show(of_progress(self._task.name, progress, began_s))
                except Exception as error:  # noqa: BLE001  (the user's own: it is raised at the end)
                    self.raised = error
                    return

        thread = threading.Thread(target=tell, name="llm-latency-show", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


@contextmanager
def _in_words_of(task: Task) -> Iterator[None]:
    """Let an error name what is written here where it names an option of pytest."""
    try:
        yield
    except LatencyError as error:
        raise type(error)(task.words(str(error))) from error.__cause__
