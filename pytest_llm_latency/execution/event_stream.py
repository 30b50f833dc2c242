"""Events of AWS's binary streams, each with the stamp of the piece that completed it.

They are ``application/vnd.amazon.eventstream``, a sequence of frames. A frame is its length and
that of its headers (four bytes each, big-endian), a CRC of these two, the headers, the payload, and
a CRC of all that.
"""

import base64
import json
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pytest_llm_latency.execution import sse
from pytest_llm_latency.model import Recording

_PRELUDE = struct.Struct(">III")
_CHECKSUM = struct.Struct(">I")
_AROUND = _PRELUDE.size + _CHECKSUM.size
_LONGEST = 32 * 1024 * 1024  # AWS bounds a payload at 24 MiB; no more is collected for a length that is garbage


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One frame."""

    headers: Mapping[str, object]
    payload: bytes


class Decoder:
    """Cuts bytes into messages, wherever they are cut; ``ValueError`` for what is none."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    @property
    def is_within(self) -> bool:
        """Whether a frame has begun and is not whole."""
        return bool(self._bytes)

    def feed(self, data: bytes) -> list[Message]:
        """Return the messages that are complete with these bytes."""
        self._bytes += data
        messages = []
        while (size := self._size()) is not None and len(self._bytes) >= size:
            messages.append(_message(bytes(self._bytes[:size])))
            del self._bytes[:size]
        return messages

    def _size(self) -> int | None:
        """Return the length of the frame that has begun, ``None`` while it is unknown."""
        if len(self._bytes) < _PRELUDE.size:
            return None
        size, headers_size, checksum = _PRELUDE.unpack_from(self._bytes)
        if zlib.crc32(self._bytes[: _PRELUDE.size - _CHECKSUM.size]) != checksum:
            raise ValueError("the checksum of a frame's lengths is wrong")
        if not headers_size + _AROUND <= size <= _LONGEST:
            raise ValueError(f"a frame of {size} bytes with {headers_size} bytes of headers is not possible")
        return int(size)


def _message(frame: bytes) -> Message:
    (checksum,) = _CHECKSUM.unpack_from(frame, len(frame) - _CHECKSUM.size)
    if zlib.crc32(frame[: -_CHECKSUM.size]) != checksum:
        raise ValueError("the checksum of a frame is wrong")
    _, headers_size, _ = _PRELUDE.unpack_from(frame)
    ends = _PRELUDE.size + headers_size
    try:
        headers = dict(_headers(frame[_PRELUDE.size : ends]))
    except (struct.error, IndexError):
        raise ValueError("the headers of a frame end too early") from None
    return Message(headers=MappingProxyType(headers), payload=frame[ends : -_CHECKSUM.size])


def _headers(data: bytes) -> Iterator[tuple[str, object]]:
    at = 0
    while at < len(data):
        length = data[at]
        name, kind = data[at + 1 : at + 1 + length], data[at + 1 + length]
        at += length + 2
        if kind not in _VALUES:
            raise ValueError(f"a frame's header has a value of the unknown type {kind}")
        value, size = _VALUES[kind](data, at)
        yield name.decode("utf-8", "replace"), value
        at += size


def _number(form: str) -> Callable[[bytes, int], tuple[object, int]]:
    packed = struct.Struct(form)
    return lambda data, at: (packed.unpack_from(data, at)[0], packed.size)


def _sized(data: bytes, at: int) -> tuple[bytes, int]:
    (length,) = struct.unpack_from(">H", data, at)
    value = data[at + 2 : at + 2 + length]
    if len(value) < length:
        raise IndexError
    return value, length + 2


def _string(data: bytes, at: int) -> tuple[object, int]:
    value, size = _sized(data, at)
    return value.decode("utf-8", "replace"), size


# By the number of the type that goes before a value: the value and how many bytes it takes.
_VALUES: Mapping[int, Callable[[bytes, int], tuple[object, int]]] = MappingProxyType({
    0: lambda *_: (True, 0),
    1: lambda *_: (False, 0),
    2: _number(">b"),
    3: _number(">h"),
    4: _number(">i"),
    5: _number(">q"),
    6: _sized,
    7: _string,
    8: _number(">q"),
    9: _number(">16s"),
})


def events(recording: Recording) -> Iterator[sse.ServerSentEvent]:
    """Return the events of a stream in their order, each with its payload as ``data``.

    A payload that is wrapped, as a model's own events are, comes unwrapped. An exception becomes
    ``{"error": ...}``. Raises ``ValueError`` for a broken frame, ``sse.CutError`` for a cut one.
    """
    decoder, at_ns = Decoder(), 0
    for piece, at_ns in sse.plain_pieces(recording):
        for message in decoder.feed(piece):
            name = message.headers.get(":event-type")
            yield sse.ServerSentEvent(data=_data(message), at_ns=at_ns, name=None if name is None else str(name))
    if decoder.is_within:
        raise sse.CutError("the stream ended within a frame")


def _data(message: Message) -> str:
    kind, name = message.headers.get(":message-type", "event"), str(message.headers.get(":event-type", ""))
    if kind == "error":
        told = {"type": message.headers.get(":error-code"), "message": message.headers.get(":error-message")}
        return json.dumps({"error": told}, default=repr)
    text = message.payload.decode("utf-8", "replace")
    if kind == "exception" or name.endswith("Exception"):
        name = str(message.headers.get(":exception-type", name))
        return json.dumps({"error": {"type": name, "message": _said(name, text)}})
    return _unwrapped(text) if name == "chunk" else text


def _said(name: str, text: str) -> str:
    """Return an exception by its name and its message, whatever its payload is."""
    try:
        payload = json.loads(text)
    except ValueError:
        payload = None
    message = payload.get("message", text) if isinstance(payload, dict) else text
    return f"{name}: {message}" if message else name


def _unwrapped(text: str) -> str:
    payload = json.loads(text)
    if not isinstance(payload, dict) or not isinstance(payload.get("bytes"), str):
        raise ValueError(f"a chunk has no bytes: {text[:100]}")  # noqa: TRY004  (the data is wrong, not a type)
    return base64.b64decode(payload["bytes"], validate=True).decode("utf-8", "replace")
