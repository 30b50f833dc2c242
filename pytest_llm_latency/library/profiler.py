"""``LatencyProfiler``: measures calls from a program as pytest measures a test."""

import asyncio
import functools
import inspect
import warnings
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar, Unpack

from pytest_llm_latency import marker, profiles
from pytest_llm_latency.errors import ProfileError
from pytest_llm_latency.execution.client import Client
from pytest_llm_latency.execution.recorder import Prompt
from pytest_llm_latency.execution.seam import to_its_end
from pytest_llm_latency.library import settings
from pytest_llm_latency.library.asking import Asked, body_of, refuse_slips
from pytest_llm_latency.library.events import Event, Finished
from pytest_llm_latency.library.result import ProfileResult, UntrustedRunWarning
from pytest_llm_latency.load import Replay
from pytest_llm_latency.marker import Prepared
from pytest_llm_latency.model import Load
from pytest_llm_latency.profiling import Body, Profiling, Task, without_prompts
from pytest_llm_latency.prompts import Generated, Shuffled

P = ParamSpec("P")
R = TypeVar("R")


def _taking(
    asked: Callable[Concatenate["LatencyProfiler", P], Asked],
) -> Callable[[Callable[["LatencyProfiler", Asked], R]], Callable[Concatenate["LatencyProfiler", P], R]]:
    """Give a method the arguments of another one, which makes of them what the method takes: so they are said once."""

    def taking(method: Callable[["LatencyProfiler", Asked], R]) -> Callable[Concatenate["LatencyProfiler", P], R]:
        def call(self: "LatencyProfiler", /, *args: P.args, **kwargs: P.kwargs) -> R:
            return method(self, asked(self, *args, **kwargs))

        functools.update_wrapper(call, method)
        returned = inspect.signature(method).return_annotation
        vars(call)["__signature__"] = inspect.signature(asked).replace(return_annotation=returned)
        return call

    return taking


class LatencyProfiler:
    """Measures calls of one model, as ``pytest --llm-latency`` measures those of a test.

    ``model`` is litellm's name. The key comes from the environment, as ``OPENAI_API_KEY``, or from
    ``api_key``; ``base_url`` names another server. With ``simulate`` the requests go to a simulator on this
    machine, without keys and costs. ``client`` sends the requests in place of litellm's client, as
    ``FakeClient`` does. ``options`` are those of a test run by their names: ``prices``, ``environment``,
    ``alpha`` and so on; paths count from the folder in which this is made.

    Raises ``SettingsError`` for an option that cannot be read, ``ProfileError`` for one that there is not.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        simulate: bool | None = None,
        client: Client | None = None,
        **options: Unpack[settings.Options],
    ) -> None:
        self._model = model
        self._access = {
            name: given for name, given in (("api_base", base_url), ("api_key", api_key)) if given is not None
        }
        self._client = client
        self._root = Path.cwd()
        self._settings = settings.read({**options, "simulate": simulate}, self._root)
        self.last: ProfileResult | None = None
        """The last result, also of a profile that was cut off or whose ``on_event`` failed."""

    def _asked(  # noqa: PLR0913  (the signature of what measures)
        self,
        /,
        prompt: Prompt | None = None,
        *,
        body: Body | None = None,
        name: str | None = None,
        requests: int | None = None,
        concurrency: int | None = None,
        load: Load | Replay | str | None = None,
        warmup: int | None = None,
        ramp_in: int | None = None,
        prompts: str | Path | Sequence[object] | Generated | Shuffled | None = None,
        nonce: bool | None = None,
        timeout: float | str | None = None,
        http_version: str | float | None = None,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        max_concurrency: int | None = None,
        budget: Mapping[str, object] | None = None,
        limits: str | Sequence[str] | None = None,
        gate: str | Sequence[str] | bool | None = None,
        tolerance: float | str | None = None,
        version: str | None = None,
        ab: str | None = None,
        on_event: Callable[[Event], object] | None = None,
        **parameters: object,
    ) -> Asked:
        arguments = marker.llm_latency(
            model=self._model,
            adaptive=False,  # nothing is accepted that it could be looked at beside
            requests=requests,
            warmup=warmup,
            concurrency=concurrency,
            load=load,
            ramp_in=ramp_in,
            prompts=prompts,
            nonce=nonce,
            timeout=timeout,
            http_version=http_version,
            requests_per_minute=requests_per_minute,
            tokens_per_minute=tokens_per_minute,
            max_concurrency=max_concurrency,
            budget=budget,
            limits=limits,
            gate=gate,
            tolerance=tolerance,
            version=version,
            ab=ab,
        )
        refuse_slips(parameters, own=inspect.signature(self._asked))
        if prompt is not None and prompts is not None:
            raise ProfileError("prompt and prompts do not go together: put the one into the others.")
        chosen = self._settings if prompt is None else without_prompts(self._settings)
        prepared = marker.prepare(arguments, chosen, (self._root,))
        if prompt is None and body is None and prepared.source is None:
            raise ProfileError("there is nothing to send: give a prompt, prompts=[...] or body=.")
        return self._one(name, prepared, body_of(prompt, body, parameters), on_event)

    def _one(
        self, name: str | None, prepared: Prepared, body: Body, on_event: Callable[[Event], object] | None
    ) -> Asked:
        if not name and name is not None:
            raise ProfileError(f"name={name!r} cannot be what the profile is called: write a short text.")
        task = Task(
            name=self._model if name is None else name,
            prepared=prepared,
            body=body,
            access=self._access,
            settings=self._settings,
            root=self._root,
            client=self._client,
            words=settings.in_arguments,
            show=on_event,
        )
        return Asked(task=task, on_event=on_event)

    @_taking(_asked)
    def profile(self, asked: Asked) -> ProfileResult:
        """Measure and return the result.

        ``prompt`` is a text or a list of messages, and all further arguments are litellm's parameters, such as
        ``temperature``; ``prompts`` are several, which take turns; or ``body`` is a function of ``llm``, which
        it calls as a test does: a coroutine function, or a plain one that runs in threads. ``name`` is what
        the profile is called, the model without one. ``on_event`` is called with ``Started``, with a
        ``Snapshot`` every second, from a thread of its own, and with ``Finished``. The other arguments are
        those of the marker ``llm_latency``.

        A result that cannot be trusted is returned with an ``UntrustedRunWarning`` and is not ``valid``.
        After Ctrl-C, or when ``on_event`` raises something, what was measured is in ``last``.

        Raises ``MarkerError`` or ``ProfileError`` for arguments that cannot be measured, also in an event loop
        that is running; ``ProviderError`` where no request can be sent or every warm-up fails; and what a
        body raises before its first request.
        """
        _refuse_running_loop()
        self.last = None
        with closing(Profiling(asked.task)) as measuring:
            measuring.prepare()
            asked.tell(asked.started)
            try:
                measuring.measure_alone()
            except KeyboardInterrupt:
                self._keep(measuring)
                raise
            return _told(asked, self._result(measuring), measuring.raised)

    @_taking(_asked)
    async def aprofile(self, asked: Asked) -> ProfileResult:
        """Measure in the event loop that is running, as ``profile`` does otherwise; the body is async.

        What else the loop does meanwhile is part of the measuring: a loop that is busy makes the result
        invalid. When it is cancelled, what was measured is in ``last``.
        """
        return await self._measured(asked)

    @_taking(_asked)
    async def events(self, asked: Asked) -> AsyncIterator[Event]:
        """Measure as ``aprofile`` does, and yield each event; the last one, ``Finished``, has the result."""
        loop, queue = asyncio.get_running_loop(), asyncio.Queue[Event | None]()

        def tell(event: Event | None) -> None:
            loop.call_soon_threadsafe(queue.put_nowait, event)

        async def measure() -> None:
            try:
                await self._measured(replace(asked, task=replace(asked.task, show=tell), on_event=tell))
            finally:
                tell(None)

        measuring = asyncio.create_task(measure())
        try:
            while (event := await queue.get()) is not None:
                asked.tell(event)
                yield event
            await measuring
        finally:
            measuring.cancel()
            await asyncio.wait([measuring])

    async def _measured(self, asked: Asked) -> ProfileResult:
        if not asked.task.is_async:
            raise ProfileError(
                "an event loop awaits its body: write 'async def' and 'await llm(...)', or call profile."
            )
        self.last = None
        with closing(Profiling(asked.task)) as measuring:
            await to_its_end(asyncio.to_thread(measuring.prepare))
            asked.tell(asked.started)
            try:
                await measuring.measure()
            except asyncio.CancelledError:
                self._keep(measuring)
                raise
            result = await to_its_end(asyncio.to_thread(self._result, measuring))
            return _told(asked, result, measuring.raised)

    def _keep(self, measuring: Profiling) -> None:
        """Keep what was measured before it was cut off."""
        if measuring.has_measured:
            self._result(measuring)

    def _result(self, measuring: Profiling) -> ProfileResult:
        self.last = ProfileResult(profiles.judged(measuring.run(), (), self._settings.values))
        return self.last


def _told(asked: Asked, result: ProfileResult, raised: Exception | None) -> ProfileResult:
    """Say that it is over, and how; what the user's function has raised before is raised now."""
    if raised is not None:
        raise raised
    asked.tell(Finished(result=result))
    if not result.valid:
        message = f"{result.name} cannot be trusted: {' '.join(result.judged.reasons)}"
        warnings.warn(message, UntrustedRunWarning, stacklevel=4)
    return result


def _refuse_running_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise ProfileError(
        "profile waits until everything is measured, which a running event loop, as a notebook has one, does not "
        "allow: write 'await profiler.aprofile(...)' with the same arguments."
    )
