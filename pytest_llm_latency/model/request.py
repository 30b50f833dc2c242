"""One request: what is asked, recorded, decoded, and the sample that is kept of it."""

from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

Api = Literal["chat", "responses", "embeddings"]
Phase = Literal["warmup", "measure"]
Side = Literal["baseline", "candidate"]
Status = Literal["ok", "error", "timeout", "refused", "cancelled"]
TokenSource = Literal["usage", "tokenizer", "chunks"]
ClockSource = Literal["kernel", "loop", "fake"]

# One letter an event: generated deltas of three channels, and what is not generated.
EventKind = Literal["c", "r", "t", "x"]
CONTENT: EventKind = "c"
REASONING: EventKind = "r"
TOOL_CALL: EventKind = "t"
CONTROL: EventKind = "x"

MEASURE: Phase = "measure"
WARMUP: Phase = "warmup"

# Compact integers: eight bytes each. Python 3.11 cannot subscript ``array`` when the module runs.
if TYPE_CHECKING:
    Integers = array[int]
else:
    Integers = array


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call of ``llm(...)`` as it is handed to a client.

    ``api`` is which of the provider's: the messages of an embedding have a text each that is
    embedded, those of a response are the items of its input.
    ``parameters`` are litellm's, ``stream`` among them. ``deadline_s`` covers the whole request.
    ``http_version`` is what is asked of the server: ``1.1`` or ``2``.
    """

    api: Api
    model: str
    messages: tuple[Mapping[str, object], ...]
    parameters: Mapping[str, object]
    step: str | None
    deadline_s: float
    http_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamps:
    """When each phase of one request happened, in nanoseconds of the monotonic clock.

    ``started`` is the moment at which the built request was handed to the transport, so that
    building it (``build_ns`` of the sample) is not counted as the provider's latency.
    """

    started: int
    scheduled: int | None = None
    connect_start: int | None = None
    dns_end: int | None = None
    tcp_end: int | None = None
    tls_end: int | None = None
    send_start: int | None = None
    send_end: int | None = None
    first_byte: int | None = None
    headers: int | None = None
    closed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a request or an iteration failed.

    ``phase`` is where: ``build``, ``dns``, ``connect``, ``tls``, ``send``, ``headers``, ``body``,
    ``protocol`` (the answer is not what the provider's protocol promises), ``provider`` (the
    provider said so) or ``assertion`` (the test body did).
    """

    error_class: str
    message: str
    phase: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One HTTP exchange as it came in: stamps and bytes, nothing parsed.

    ``piece_ns[i]`` is the arrival of ``pieces[i]``, a part of the body without transfer encoding.
    ``endpoint`` is the host that was asked, with its port where it is not the usual one.
    ``paced_ns`` is how long a rate limit held the request back before ``stamps.started``, ``None``
    where none applied. ``http_version`` is ``1.1`` or ``2``, ``None`` where nothing was sent.
    """

    request: Request
    provider: str
    endpoint: str | None
    stamps: Stamps
    build_ns: int | None
    http_status: int | None
    headers: tuple[tuple[str, str], ...]
    pieces: tuple[bytes, ...]
    piece_ns: tuple[int, ...]
    connection_reused: bool | None
    http_version: str | None
    paced_ns: int | None
    clock: ClockSource
    status: Status
    failure: Failure | None
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Token counts of one request and where they come from.

    ``tokens_cached`` of the input were read from the provider's prompt cache and
    ``tokens_cache_written`` put into it; both are part of ``tokens_in``, and ``tokens_reasoning``
    of ``tokens_out``.
    """

    tokens_in: int | None
    tokens_out: int | None
    tokens_reasoning: int | None
    tokens_cached: int | None
    tokens_cache_written: int | None
    source: TokenSource


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """One tool call of a reply; ``arguments`` is the JSON text as the model wrote it."""

    id: str | None
    name: str | None
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """What a recording says, by the provider's own parser.

    The three event fields are parallel: the stamp of the piece that completed the event, its kind
    (one letter of ``EventKind``) and the characters that it carries. ``embeddings`` has a vector
    for each text that was embedded. ``cost_in_usd`` is the part of ``cost_usd`` that the input cost.
    """

    status: Status
    failure: Failure | None
    event_ns: tuple[int, ...]
    event_kinds: str
    event_characters: tuple[int, ...]
    text: str
    reasoning: str
    tool_calls: tuple[ToolCall, ...]
    finish_reason: str | None
    served_model: str | None
    usage: Usage | None
    cost_usd: float | None
    cost_in_usd: float | None = None
    embeddings: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One measured request: raw stamps, events and outcome; every metric is computed from it.

    ``side`` is which of two models or endpoints was asked, where a run measures two side by side.
    ``cost_in_usd`` is the part of ``cost_usd`` that the input cost. ``text`` is the answer's, without
    secrets, ``None`` where the plan keeps none.
    """

    index: int
    iteration: int
    phase: Phase
    step: str | None
    status: Status
    failure: Failure | None
    http_status: int | None
    attempts: int
    stamps: Stamps
    build_ns: int | None
    connection_reused: bool | None
    http_version: str | None
    paced_ns: int | None
    clock: ClockSource
    server_processing_s: float | None
    piece_ns: Integers
    piece_bytes: Integers
    event_ns: Integers
    event_kinds: str
    event_characters: Integers
    finish_reason: str | None
    usage: Usage | None
    cost_usd: float | None
    worker: str | None
    host: str | None
    region: str | None
    side: Side | None
    cost_in_usd: float | None = None
    text: str | None = None
