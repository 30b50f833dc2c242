"""How other tools define their figures, as functions over the same samples.

The sources, with versions, stand in docs/how-to/compare-with-other-tools.md. A figure's values come
with their weights: a tool that pools the gaps of all requests has many values a request.
"""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from pytest_llm_latency import per_request
from pytest_llm_latency.model import CONTROL, Sample
from pytest_llm_latency.units import seconds

FigureId = Literal["ttft", "itl", "tpot", "e2e"]
Unit = Literal["s", "s/token"]
Weighted = list[tuple[float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure of one tool: ``name`` is the tool's own, ``differs`` what it does otherwise than this project.

    ``streamed`` says that only streamed answers have it.
    """

    id: FigureId
    name: str
    unit: Unit
    streamed: bool
    take: Callable[[Sample], Weighted]
    differs: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One tool: its figures over successful requests. ``interpolates`` says how it takes a quantile."""

    title: str
    interpolates: bool
    figures: tuple[Figure, ...]


def _one(value: float | None, weight: float = 1.0) -> Weighted:
    return [] if value is None else [(value, weight)]


def _gaps(stamps: list[int]) -> Weighted:
    return [(seconds(later - earlier), 1.0) for earlier, later in itertools.pairwise(stamps)]


def _tokens(sample: Sample) -> float | None:
    """Return the output tokens; the number of generated deltas where no usage says them."""
    stated = per_request.tokens_out(sample)
    return len(per_request.generated(sample)) or None if stated is None else stated


def _vllm_chunks(sample: Sample) -> list[int]:
    """Return the stamps of the chunks that have a choice: role, deltas and finish, not the usage or the end.

    A sample does not keep which control event is which. Of those after the last delta the usage and
    ``[DONE]`` come last, as servers with OpenAI's protocol send them.
    """
    generated = [position for position, kind in enumerate(sample.event_kinds) if kind != CONTROL]
    if not generated:
        return []
    closing = 2 if sample.usage is not None and sample.usage.source == "usage" else 1
    trailing = len(sample.event_kinds) - generated[-1] - 1
    return list(sample.event_ns[: generated[-1] + 1 + max(0, trailing - closing)])


def _vllm_ttft(sample: Sample) -> Weighted:
    chunks = _vllm_chunks(sample)
    return _one(seconds(chunks[0] - sample.stamps.started) if chunks else None)


def _vllm_tpot(sample: Sample) -> Weighted:
    chunks, tokens = _vllm_chunks(sample), per_request.tokens_out(sample)
    if not chunks or tokens is None or tokens <= 1:
        return []
    return _one(seconds(chunks[-1] - chunks[0]) / (tokens - 1))


def _vllm_e2e(sample: Sample) -> Weighted:
    chunks = _vllm_chunks(sample)
    return _one(seconds(chunks[-1] - sample.stamps.started) if chunks else None)


def _sent(sample: Sample) -> int:
    return sample.stamps.started if sample.stamps.send_start is None else sample.stamps.send_start


def _guidellm_ttft(sample: Sample) -> Weighted:
    generated = per_request.generated(sample)
    return _one(seconds(generated[0] - _sent(sample)) if generated else None)


def _guidellm_itl(sample: Sample) -> Weighted:
    generated, tokens = per_request.generated(sample), _tokens(sample)
    if not generated or tokens is None or tokens <= 1:
        return []
    return _one(seconds(generated[-1] - generated[0]) / (tokens - 1), tokens - 1)


def _guidellm_tpot(sample: Sample) -> Weighted:
    generated, tokens = per_request.generated(sample), _tokens(sample)
    return _one(seconds(generated[-1] - _sent(sample)) / tokens, tokens) if generated and tokens else []


def _guidellm_e2e(sample: Sample) -> Weighted:
    ended = sample.stamps.closed
    return _one(None if ended is None else seconds(ended - _sent(sample)))


def _aiperf_itl(sample: Sample) -> Weighted:
    generated, tokens = per_request.generated(sample), per_request.tokens_out(sample)
    if not generated or tokens is None or tokens < 2:  # noqa: PLR2004  (one token has no gap)
        return []
    return _one(seconds(generated[-1] - generated[0]) / (tokens - 1))


_VLLM = Tool(
    title="vLLM's bench serve",
    interpolates=True,
    figures=(
        Figure(
            id="ttft",
            name="TTFT",
            unit="s",
            streamed=True,
            take=_vllm_ttft,
            differs="ends at the first chunk with a choice, which is often the role alone and no token",
        ),
        Figure(
            id="itl",
            name="ITL",
            unit="s",
            streamed=True,
            take=lambda sample: _gaps(_vllm_chunks(sample)),
            differs="every gap between chunks with a choice counts once, however many tokens a chunk carries",
        ),
        Figure(
            id="tpot",
            name="TPOT",
            unit="s/token",
            streamed=True,
            take=_vllm_tpot,
            differs="from the first chunk to the last one, by all output tokens but one, with hidden reasoning",
        ),
        Figure(
            id="e2e",
            name="E2EL",
            unit="s",
            streamed=False,
            take=_vllm_e2e,
            differs="ends at the last chunk with a choice, which is often the finish reason alone",
        ),
    ),
)
_GUIDELLM = Tool(
    title="guidellm",
    interpolates=False,
    figures=(
        Figure(
            id="ttft",
            name="Time to first token",
            unit="s",
            streamed=True,
            take=_guidellm_ttft,
            differs="begins when the request is written, so that name resolution, TCP and TLS are left out",
        ),
        Figure(
            id="itl",
            name="Inter-token latency",
            unit="s/token",
            streamed=True,
            take=_guidellm_itl,
            differs="one mean a request, weighted by its tokens; the first delta counts as one token",
        ),
        Figure(
            id="tpot",
            name="Time per output token",
            unit="s/token",
            streamed=True,
            take=_guidellm_tpot,
            differs="contains the time to the first token: from the request to the last delta, by all tokens",
        ),
        Figure(
            id="e2e",
            name="Request latency",
            unit="s",
            streamed=False,
            take=_guidellm_e2e,
            differs="begins when the request is written and ends when the response is closed, not at the last delta",
        ),
    ),
)
_AIPERF = Tool(
    title="aiperf",
    interpolates=True,
    figures=(
        Figure(
            id="ttft",
            name="Time to First Token",
            unit="s",
            streamed=True,
            take=lambda sample: _one(per_request.ttft(sample)),
            differs="the same stamps; failed requests are left out",
        ),
        Figure(
            id="itl",
            name="Inter Token Latency",
            unit="s/token",
            streamed=True,
            take=_aiperf_itl,
            differs="one mean a request, each counting once; the first delta counts as one token",
        ),
        Figure(
            id="e2e",
            name="Request Latency",
            unit="s",
            streamed=False,
            take=lambda sample: _one(per_request.e2e(sample)),
            differs="the same stamps; failed requests are left out",
        ),
    ),
)

TOOLS: Mapping[str, Tool] = MappingProxyType({"vllm": _VLLM, "guidellm": _GUIDELLM, "aiperf": _AIPERF})
