"""Frames of AWS's binary streams, as Bedrock sends them."""

import struct
import zlib
from collections.abc import Mapping

CONTENT_TYPE = "application/vnd.amazon.eventstream"
_STRING = 7  # the type of a header's value


def frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    """Return one frame: lengths, their CRC, headers, payload, and the CRC of all that."""
    head = b"".join(_header(name.encode(), value.encode()) for name, value in headers.items())
    lengths = struct.pack(">II", len(head) + len(payload) + 16, len(head))
    whole = lengths + struct.pack(">I", zlib.crc32(lengths)) + head + payload
    return whole + struct.pack(">I", zlib.crc32(whole))


def _header(name: bytes, value: bytes) -> bytes:
    return struct.pack(">B", len(name)) + name + struct.pack(">BH", _STRING, len(value)) + value


def event(kind: str, payload: bytes) -> bytes:
    """Return the frame of an event with a JSON payload."""
    return frame({":event-type": kind, ":content-type": "application/json", ":message-type": "event"}, payload)


def exception(kind: str, payload: bytes) -> bytes:
    """Return the frame of an exception with a JSON payload."""
    return frame({":exception-type": kind, ":content-type": "application/json", ":message-type": "exception"}, payload)


def malformed(sound: bytes) -> bytes:
    """Break one bit of a frame's payload, so that its CRC is wrong."""
    middle = len(sound) // 2
    return sound[:middle] + bytes([sound[middle] ^ 1]) + sound[middle + 1 :]
