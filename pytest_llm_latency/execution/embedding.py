"""An answer with embeddings as a delta."""

import base64
import struct
from collections.abc import Sequence
from typing import Any

from pytest_llm_latency.execution import delta
from pytest_llm_latency.execution.delta import Delta
from pytest_llm_latency.execution.responses import of


def answer(given: Any) -> Delta:  # noqa: ANN401  (litellm's object)
    """Return the vectors of an embedding in the order of their texts."""
    rows = sorted(of(given, "data") or (), key=lambda row: of(row, "index") or 0)
    if not rows:
        raise ValueError("it has no embeddings")
    return Delta(
        served_model=of(given, "model"),
        usage=delta.usage(of(given, "usage")),
        embeddings=tuple(_vector(of(row, "embedding")) for row in rows),
    )


def _vector(given: str | Sequence[float]) -> tuple[float, ...]:
    """Return the numbers, also where they came as the base64 of four bytes each."""
    if not isinstance(given, str):
        return tuple(given)
    packed = base64.b64decode(given)
    return struct.unpack(f"<{len(packed) // 4}f", packed)
