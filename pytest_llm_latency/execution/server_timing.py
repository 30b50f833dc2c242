"""What a provider says in its headers of how long it worked on a request."""

import math
import re
from collections.abc import Callable

from pytest_llm_latency.execution import sse
from pytest_llm_latency.model import Recording

# Gemini calls the time of its front end gfet4t7; the others are what servers call a whole request.
_TIMED = re.compile(r"\s*(?:gfet4t7|total|app|inference)\s*;(?:.*;)?\s*dur=\"?([0-9.]+)", re.IGNORECASE)


def _server_timing(text: str) -> float | None:
    found = (_TIMED.match(part) for part in text.split(","))
    return next((_milliseconds(match[1]) for match in found if match), None)


def _milliseconds(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value / 1000 if math.isfinite(value) and value >= 0 else None


# The provider's own words before those of a gateway, which count the way to the provider too.
_HEADERS: tuple[tuple[str, Callable[[str], float | None]], ...] = (
    ("openai-processing-ms", _milliseconds),  # OpenAI, Azure OpenAI
    ("x-amzn-bedrock-invocation-latency", _milliseconds),
    ("x-total-time", _milliseconds),  # Hugging Face TGI
    ("server-timing", _server_timing),  # Gemini
    ("x-litellm-response-duration-ms", _milliseconds),
    ("x-kong-upstream-latency", _milliseconds),
    ("x-envoy-upstream-service-time", _milliseconds),
)


def processing_s(recording: Recording) -> float | None:
    """Return the seconds by the first header of the table that a response has and that can be read."""
    for name, read in _HEADERS:
        text = sse.header(recording, name)
        value = None if text is None else read(text)
        if value is not None:
            return value
    return None
