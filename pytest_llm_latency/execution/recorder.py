"""What a test body calls: sends a request for the iteration that is under way, and keeps the recording."""

import asyncio
import copy
import functools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace

from pytest_llm_latency import interleaving
from pytest_llm_latency.errors import BodyError, MarkerError, RequestFailedError
from pytest_llm_latency.execution.aim import Aim, aimed
from pytest_llm_latency.execution.client import CancelledRequest, Client
from pytest_llm_latency.execution.decode import refusal
from pytest_llm_latency.execution.reply import Reply
from pytest_llm_latency.execution.spool import Entry, Spool
from pytest_llm_latency.execution.stop import StopMeasuring
from pytest_llm_latency.execution.tally import Tally
from pytest_llm_latency.model import Api, Failure, Notice, Phase, Plan, Recording, Request
from pytest_llm_latency.prompts import Input, Source, with_nonce

Prompt = str | Sequence[Mapping[str, object]]


@dataclass(slots=True, kw_only=True)
class Iteration:
    """One execution of the test body: its place in the run, the calls that it made, and why one was not let go."""

    index: int
    phase: Phase
    scheduled_ns: int | None
    calls: Counter[str | None] = field(default_factory=Counter)
    stopped: Notice | None = None


_BOUNDS = frozenset({"max_tokens", "max_completion_tokens", "max_output_tokens"})
ITERATION: ContextVar[Iteration | None] = ContextVar("llm_latency_iteration", default=None)


class Recorder:
    """The requests of one benchmark, as its body makes them."""

    def __init__(self, plan: Plan, client: Client, source: Source | None = None) -> None:
        self._plan = plan
        self._client = client
        self._source = source
        self.spool = Spool()
        self.tally = Tally()
        self.access: Mapping[str, object] = {}

    async def call(
        self, prompt: Prompt | None = None, *, name: str | None = None, model: str | None = None, **parameters: object
    ) -> Reply:
        """Send one request within the iteration that is under way.

        Without a ``prompt`` it is the iteration's own, and where its source says how long the answer
        was, that is the most that is asked for, unless ``parameters`` say otherwise.
        ``name`` labels the step; the calls of a body that have no name are told apart by their
        order. ``timeout`` is the deadline of this request in seconds, in place of the plan's. Raises
        ``RequestFailedError`` when the request failed, after recording it; one that is cancelled is
        recorded too.
        """
        question = self._question("chat", prompt, {"stream": True, **parameters}, "max_tokens")
        return await self._ask(question, name=name, model=model)

    async def respond(
        self, prompt: Prompt | None = None, *, name: str | None = None, model: str | None = None, **parameters: object
    ) -> Reply:
        """Send one request to the Responses API: a text, or the items of its input; the rest is as for ``call``."""
        question = self._question("responses", prompt, {"stream": True, **parameters}, "max_output_tokens")
        return await self._ask(question, name=name, model=model)

    async def embed(
        self,
        texts: str | Sequence[str],
        *,
        name: str | None = None,
        model: str | None = None,
        **parameters: object,
    ) -> Reply:
        """Send one request for the embeddings of a text or of several; the rest is as for ``call``."""
        question = _Question(api="embeddings", messages=_texts(texts), parameters=parameters)
        return await self._ask(question, name=name, model=model)

    def _question(self, api: Api, prompt: object, parameters: dict[str, object], bound: str) -> "_Question":
        if prompt is None:
            given = self.given()
            prompt = given.prompt
            if given.max_tokens is not None and not _BOUNDS & parameters.keys():
                parameters[bound] = given.max_tokens
        return _Question(api=api, messages=_messages(prompt), parameters=parameters)

    async def _ask(self, question: "_Question", *, name: str | None, model: str | None) -> Reply:
        iteration = _under_way()
        scheduled_ns = None if iteration.calls else iteration.scheduled_ns  # only the first call was planned
        side = interleaving.side(self._plan, iteration.index)
        aim = aimed(self._plan, side, model, {**self.access, **question.parameters})
        request = self._request(question, aim, step=_step(iteration, name))
        keep = functools.partial(self._keep, iteration, scheduled_ns)
        try:
            recording = keep(await self._client.send(request))
        except CancelledRequest as cancelled:
            keep(cancelled.recording)
            raise asyncio.CancelledError(*cancelled.args) from None
        except StopMeasuring as stop:
            iteration.stopped = stop.notice
            raise
        self._raise_for(recording)
        return Reply(recording, self._client.decode)

    def given(self) -> Input:
        """Return what the iteration that is under way is given to send."""
        if self._source is None:
            raise BodyError(
                "the call has no prompt and the marker names none: write llm('...'), or prompts=['...'] in the marker."
            )
        return self._source.input(interleaving.place(self._plan, _under_way().index))

    def _keep(self, iteration: Iteration, scheduled_ns: int | None, recording: Recording) -> Recording:
        if scheduled_ns is not None:
            recording = replace(recording, stamps=replace(recording.stamps, scheduled=scheduled_ns))
        step = recording.request.step
        self.tally.add(recording, iteration.phase)
        self.tally.price(recording, iteration.phase, self._client)
        self.spool.append(Entry(iteration=iteration.index, phase=iteration.phase, step=step, recording=recording))
        return recording

    def _request(self, question: "_Question", aim: Aim, *, step: str | None) -> Request:
        if aim.model is None:
            raise MarkerError(
                "no model is named: write @pytest.mark.llm_latency(model='openai/gpt-4o-mini') or llm(..., model=...), "
                "or say --llm-latency-model=openai/gpt-4o-mini."
            )
        return Request(
            api=question.api,
            model=aim.model,
            messages=with_nonce(question.messages) if self._plan.nonce else question.messages,
            parameters=_sendable(aim.parameters),
            step=step,
            deadline_s=_deadline(question.parameters, self._plan.timeout_s),
            http_version=self._plan.http_version,
        )

    def _raise_for(self, recording: Recording) -> None:
        if refusal(recording)[0] == "ok":
            return
        decoded = self._client.decode(recording)  # the client keeps its keys out of messages
        known = decoded.failure or Failure(error_class=decoded.status, message=decoded.status, phase="body")
        said = known.message.startswith("HTTP")  # it names its class
        raise RequestFailedError(known.message if said else f"{known.error_class}: {known.message}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """What is asked of which API."""

    api: Api
    messages: tuple[Mapping[str, object], ...]
    parameters: Mapping[str, object]


def _under_way() -> Iteration:
    iteration = ITERATION.get()
    if iteration is None:
        raise BodyError(
            "llm(...) was called outside of the test body, where nothing is measured: call it in the body "
            "of a test that is marked with llm_latency."
        )
    return iteration


def _step(iteration: Iteration, name: object) -> str | None:
    if name is not None:
        if not isinstance(name, str) or not name:
            raise BodyError(f"name={name!r} cannot label a step: write a short text, as in name='summary'.")
        label = str.__str__(name)  # that of an enumeration cannot be stored
        iteration.calls[label] += 1
        return label
    iteration.calls[None] += 1
    position = iteration.calls[None]
    return None if position == 1 else f"call {position}"


def _messages(prompt: object) -> tuple[Mapping[str, object], ...]:
    if isinstance(prompt, str):
        return ({"role": "user", "content": prompt},)
    if not isinstance(prompt, Sequence) or not prompt or not all(isinstance(each, Mapping) for each in prompt):
        raise BodyError(
            f"llm(...) takes a prompt or a list of messages, not {_kind(prompt)}: "
            "write llm('...') or llm([{'role': 'user', 'content': '...'}])."
        )
    return tuple(copy.deepcopy(dict(message)) for message in prompt)  # a body may go on to change its own


def _kind(given: object) -> str:
    name = type(given).__name__
    if isinstance(given, Sequence) and not isinstance(given, str | bytes):
        return f"a {name} of other things" if given else f"an empty {name}"
    return name


def _texts(given: object) -> tuple[Mapping[str, object], ...]:
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, Sequence) or not texts or not all(isinstance(each, str) and each for each in texts):
        raise BodyError("llm.embed(...) takes a text or a list of texts, none of them empty: write llm.embed(['...']).")
    return tuple({"role": "user", "content": text} for text in texts)


def _sendable(parameters: Mapping[str, object]) -> Mapping[str, object]:
    for name in ("messages", "input"):
        if name in parameters:
            raise BodyError(f"llm(...) takes the {name} as its first argument: write llm([...]) without {name}=.")
    if parameters.get("n") not in {None, 1}:
        raise BodyError(f"n={parameters['n']!r}: one request is measured by one answer; call llm(...) once for each.")
    return {name: value for name, value in parameters.items() if name != "timeout"}


def _deadline(parameters: Mapping[str, object], usual_s: float) -> float:
    timeout = parameters.get("timeout", usual_s)
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 < timeout < math.inf:
        raise BodyError(f"timeout={timeout!r} is not a deadline: write it in seconds, as in llm('...', timeout=30).")
    return float(timeout)
