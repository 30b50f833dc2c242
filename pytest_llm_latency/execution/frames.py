"""The frames of HTTP/2: where one ends, and nothing of what is in it."""

from collections.abc import Iterator

HEADER_BYTES = 9
GOAWAY = 7
_SETTINGS = 4
_MOST_OF_A_FRAME = 16_384  # a larger one needs our leave


class FramingError(ValueError):
    """What came is no frame of HTTP/2."""


class FrameCutter:
    """Cuts what arrives into whole frames."""

    def __init__(self) -> None:
        self._rest = b""
        self._begun = False

    def cut(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Return each frame that is complete with ``data``, its type first.

        Raises ``FramingError`` where there is no frame of HTTP/2, and does not wait for its end.
        """
        if self._rest:
            data = self._rest + data
        start, end = 0, len(data)
        while end - start >= HEADER_BYTES:
            length, kind = int.from_bytes(data[start : start + 3], "big"), data[start + 3]
            if length > _MOST_OF_A_FRAME or (kind != _SETTINGS and not self._begun):
                raise FramingError("no frame of HTTP/2")
            self._begun = True
            following = start + HEADER_BYTES + length
            if following > end:
                break
            yield kind, data[start:following]
            start = following
        self._rest = data[start:]
