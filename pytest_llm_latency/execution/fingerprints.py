"""What was asked, as short texts that two runs must share: a prompt's without its words, the parameters that matter."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pytest_llm_latency import interleaving
from pytest_llm_latency.model import Plan, Request
from pytest_llm_latency.plan import DEFAULT_HTTP_VERSION
from pytest_llm_latency.prompts import Input, Message, Source, hashed, without_nonce

VARIED = "varied"
_GIVEN = "{given}"  # stands where the words of the source stood
_ANSWERED = frozenset({"function_call", "function_call_output", "reasoning"})  # items of a conversation's responses
_BOUNDS = frozenset({"max_tokens", "max_output_tokens"})
_SHOWN = frozenset({
    "temperature",
    "top_p",
    "top_k",
    "n",
    "seed",
    "stop",
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "presence_penalty",
    "frequency_penalty",
    "reasoning_effort",
    "tool_choice",
    "parallel_tool_calls",
    "service_tier",
})
_NOT_SAMPLING = frozenset({
    "stream",
    "ssl_verify",
    "stream_options",
    "api_key",
    "api_base",
    "base_url",
    "api_version",
    "headers",
    "extra_headers",
    "organization",
    "timeout",
    "user",
    "metadata",
    "aws_access_key_id",
    "aws_secret_access_key",
    "aws_session_token",
    "azure_ad_token",
    "vertex_credentials",
})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the requests of one step asked, counted; ``source`` is the digest of what gave them words, if anything."""

    prompts: Mapping[str, int]
    parameters: Mapping[str, int]
    source: str | None

    def fingerprint(self, *, nonce: bool) -> str:
        """Return a hash of what the prompts have in common, that of their source, and whether a nonce led them."""
        parts = [VARIED if _is_varied(self.prompts) else hashed(sorted(self.prompts))]
        if self.source is not None:
            parts.append(f"source {self.source}")
        return ", ".join([*parts, "nonce"] if nonce else parts)

    @property
    def shown_parameters(self) -> str:
        """The parameters as JSON."""
        return VARIED if _is_varied(self.parameters) else ", ".join(sorted(self.parameters))


class Fingerprints:
    """Those of one step: of what each request asked, and what they come to."""

    def __init__(self, plan: Plan, source: Source | None) -> None:
        self._plan = plan
        self._source = source
        self._prompts: Counter[str] = Counter()
        self._parameters: Counter[str] = Counter()
        self._given = False

    def add(self, request: Request, iteration: int) -> None:
        """Count one request."""
        given = None if self._source is None else self._source.input(interleaving.place(self._plan, iteration))
        written = _written(request.messages, nonce=self._plan.nonce)
        if given is not None:
            bare = written
            written = _without(bare, given)
            self._given = self._given or written != bare
        self._prompts[hashed(written)] += 1
        bound = None if given is None else given.max_tokens
        self._parameters[_parameters(request, bound)] += 1

    @property
    def asked(self) -> Asked:
        """What was counted so far."""
        source = self._source.digest if self._given and self._source is not None else None
        return Asked(prompts=dict(self._prompts), parameters=dict(self._parameters), source=source)

    @property
    def prompts(self) -> str:
        """See ``Asked.fingerprint``."""
        return self.asked.fingerprint(nonce=self._plan.nonce)

    @property
    def parameters(self) -> str:
        """The parameters as JSON."""
        return self.asked.shown_parameters


def _written(messages: Sequence[Message], *, nonce: bool) -> list[Message]:
    bare = without_nonce(messages) if nonce else messages
    return [
        message
        for message in bare
        if message.get("role") not in {"assistant", "tool"} and message.get("type") not in _ANSWERED
    ]


def _without(written: Sequence[Message], given: Input) -> list[Message]:
    """Return messages without the words of their iteration's input, so that what the test adds is left."""
    prompt = given.prompt
    if not isinstance(prompt, str):
        return [{"role": _GIVEN} if message in prompt else message for message in written]
    return [
        {**message, "content": content.replace(prompt, _GIVEN)}
        if isinstance(content := message.get("content"), str)
        else message
        for message in written
    ]


def _is_varied(seen: Mapping[str, int]) -> bool:
    """Whether most requests have one of their own, as where a seed or a prompt changes each time."""
    return len(seen) > 1 and len(seen) > sum(seen.values()) / 2


def _parameters(request: Request, bound: int | None) -> str:
    """Return the parameters as JSON; ``bound`` is the ``max_tokens`` that belongs to the prompt.

    Another API than that of chats is one of them, and another version of HTTP than the usual.
    """
    shown = {
        name: value if name in _SHOWN else "#" + hashed(value)
        for name, value in request.parameters.items()
        if name not in _NOT_SAMPLING and not (name in _BOUNDS and bound is not None and value == bound)
    }
    if request.api != "chat":
        shown["api"] = request.api
    if request.http_version != DEFAULT_HTTP_VERSION:
        shown["http_version"] = request.http_version
    return json.dumps(shown, sort_keys=True, default=repr)
