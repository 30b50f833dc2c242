"""One benchmark: the callable that a test body gets as ``llm``, and the driver that runs the body under its load."""

import asyncio
import contextvars
import functools
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from pytest_llm_latency import interleaving, load
from pytest_llm_latency.errors import BodyError
from pytest_llm_latency.execution import event_loop, machine
from pytest_llm_latency.execution.client import Client
from pytest_llm_latency.execution.clock import MonotonicClock
from pytest_llm_latency.execution.collector import quiet_collector
from pytest_llm_latency.execution.executor import ALONE, Company, Progress, measure
from pytest_llm_latency.execution.paced_client import PacedClient
from pytest_llm_latency.execution.recorder import Prompt, Recorder
from pytest_llm_latency.execution.reply import Reply
from pytest_llm_latency.execution.sampling import Collected, Place, blame, collect
from pytest_llm_latency.execution.tally import Tally
from pytest_llm_latency.model import Notice, Plan
from pytest_llm_latency.prompts import Source

_MOST_THREADS = 1_000


class _Caller:
    """What a test body calls. It works while its benchmark runs and says so otherwise."""

    def __init__(self) -> None:
        self._recorder: Recorder | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def bind(self, recorder: Recorder | None, loop: asyncio.AbstractEventLoop | None) -> None:
        self._recorder, self._loop = recorder, loop

    @property
    def prompt(self) -> Prompt:
        """The prompt of the iteration that is under way: a text, or messages that the body may add to."""
        given = self._bound().given().prompt
        return given if isinstance(given, str) else [dict(message) for message in given]

    def _bound(self) -> Recorder:
        if self._recorder is None:
            raise BodyError("llm(...) was called while nothing is measured: call it in the body of the test only.")
        return self._recorder


class AsyncCaller(_Caller):
    """``await llm(prompt, ...)`` of an async test."""

    async def __call__(
        self, prompt: Prompt | None = None, *, name: str | None = None, model: str | None = None, **parameters: object
    ) -> Reply:
        """Send one request; see ``Recorder.call``."""
        return await self._bound().call(prompt, name=name, model=model, **parameters)

    async def respond(
        self, prompt: Prompt | None = None, *, name: str | None = None, model: str | None = None, **parameters: object
    ) -> Reply:
        """Send one request to the Responses API; see ``Recorder.respond``."""
        return await self._bound().respond(prompt, name=name, model=model, **parameters)

    async def embed(
        self, texts: str | Sequence[str], *, name: str | None = None, model: str | None = None, **parameters: object
    ) -> Reply:
        """Send one request for embeddings; see ``Recorder.embed``."""
        return await self._bound().embed(texts, name=name, model=model, **parameters)


class SyncCaller(_Caller):
    """``llm(prompt, ...)`` of a plain test, whose body runs in a thread beside the event loop."""

    def __call__(
        self, prompt: Prompt | None = None, *, name: str | None = None, model: str | None = None, **parameters: object
    ) -> Reply:
        """Send one request and wait for it; see ``Recorder.call``."""
        return self._wait(self._bound().call(prompt, name=name, model=model, **parameters))

    def respond(
        self, prompt: Prompt | None = None, *, name: str | None = None, model: str | None = None, **parameters: object
    ) -> Reply:
        """Send one request to the Responses API and wait for it; see ``Recorder.respond``."""
        return self._wait(self._bound().respond(prompt, name=name, model=model, **parameters))

    def embed(
        self, texts: str | Sequence[str], *, name: str | None = None, model: str | None = None, **parameters: object
    ) -> Reply:
        """Send one request for embeddings and wait for it; see ``Recorder.embed``."""
        return self._wait(self._bound().embed(texts, name=name, model=model, **parameters))

    def _wait(self, call: Coroutine[Any, Any, Reply]) -> Reply:
        assert self._loop is not None  # noqa: S101  (bound together with the recorder)
        return asyncio.run_coroutine_threadsafe(call, self._loop).result()


class Benchmark:
    """The measuring of one test: runs its body, then turns what was recorded into samples."""

    def __init__(
        self, plan: Plan, client: Client, caller: AsyncCaller | SyncCaller, source: Source | None = None
    ) -> None:
        self.plan = plan
        self.company: Company = ALONE
        self.started_at = datetime.now(UTC)
        counted = client.spent if isinstance(client, PacedClient) else None
        self.progress = Progress(tally=Tally(counted))
        self.warnings: tuple[Notice, ...] = ()
        self._client = client
        self._caller = caller
        self._source = source
        self._recorder = Recorder(plan, client, source)
        self._recorder.tally = self.progress.tally
        self._over = False

    def reach(self, access: Mapping[str, object]) -> None:
        """Give every request these parameters of litellm, a server and its key, unless a call names its own."""
        self._recorder.access = access

    async def run(self, body: Callable[[], Awaitable[object]]) -> None:
        """Run an async body under the plan's load in the event loop that is running."""
        self._caller.bind(self._recorder, asyncio.get_running_loop())
        self._draw()
        try:
            with quiet_collector(), machine.most_open_files():
                self.warnings = machine.shortage(self._users())
                await measure(self.plan, body, MonotonicClock(), self.progress, self.company)
        finally:
            self._over = True
            self._caller.bind(None, None)
            self._client.close()

    def _users(self) -> int | None:
        """Return how many iterations this process keeps under way, ``None`` in an open loop."""
        return load.users(load.schedule(self.plan.load, 0), self.company.share)

    def _draw(self) -> None:
        """Ask for every prompt once: what takes its time then, as shuffling, takes none while it is measured."""
        plan = self.plan
        if self._source is not None:
            for position in range(-plan.warmup, plan.ramp_in + plan.requests):
                self._source.input(position)

    def run_in_threads(self, body: Callable[[], object]) -> None:
        """Run a plain body under the plan's load, each iteration in a thread."""
        users, whole = self._users(), interleaving.iterations(self.plan)
        threads = min(whole.ramp_in + whole.requests, _MOST_THREADS) if users is None else max(1, users)
        with (
            ThreadPoolExecutor(max_workers=threads, thread_name_prefix="llm-latency") as pool,
            asyncio.Runner(loop_factory=event_loop.factory()) as runner,
        ):
            runner.run(self.run(functools.partial(_in_thread, pool, body)))

    def collect(self, place: Place) -> Collected:
        """Decode what was recorded so far and put each failed iteration's reason on its last request.

        When the run has ended, what a body that is still running records belongs to it no more.
        """
        collected = collect(self._recorder.spool.read(), self._client, self.plan, place, self._source)
        if self._over:
            self._recorder.spool.close()
        samples = blame(collected.samples, self.progress.failures)
        return replace(collected, samples=samples)


async def _in_thread(pool: ThreadPoolExecutor, body: Callable[[], object]) -> None:
    context = contextvars.copy_context()
    await asyncio.get_running_loop().run_in_executor(pool, functools.partial(context.run, body))
