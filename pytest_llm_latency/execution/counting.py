"""Token counts of an answer whose provider sent none: by a tokenizer, or else one a chunk."""

from collections.abc import Callable, Mapping, Sequence

from pytest_llm_latency.model import CONTROL, Decoded, Recording, TokenSource, Usage

# Both return ``None`` where no tokenizer is at hand.
CountText = Callable[[str], int | None]
CountMessages = Callable[[Sequence[Mapping[str, object]]], int | None]


def counted(recording: Recording, decoded: Decoded, text: CountText, messages: CountMessages) -> Usage | None:
    """Return the usage as the provider stated it, or counted where it stated none.

    A tokenizer counts what was asked and what came, which is near to what is billed and not the
    same. Without one each generated chunk of a stream counts as a token. An answer that failed has
    no counts.
    """
    if decoded.usage is not None or decoded.status != "ok" or recording.request.api == "embeddings":
        return decoded.usage
    calls = (f"{call.name or ''}{call.arguments}" for call in decoded.tool_calls)
    tokens_out = text("".join((decoded.reasoning, decoded.text, *calls)))
    if tokens_out is not None:
        reasoning = text(decoded.reasoning) if decoded.reasoning else None
        return _usage(messages(recording.request.messages), tokens_out, reasoning, source="tokenizer")
    chunks = sum(kind != CONTROL for kind in decoded.event_kinds)
    return _usage(None, chunks, None, source="chunks") if recording.request.parameters.get("stream") else None


def _usage(tokens_in: int | None, tokens_out: int, reasoning: int | None, *, source: TokenSource) -> Usage:
    return Usage(
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        tokens_reasoning=reasoning,
        tokens_cached=None,
        tokens_cache_written=None,
        source=source,
    )
