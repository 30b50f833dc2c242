"""The table of providers: how a request leaves litellm, how an answer is framed, and what ends it.

A provider without a row of its own speaks OpenAI's protocol through litellm's own HTTP client. To
add one that differs, add a row here, and its protocol to the simulator.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pytest_llm_latency.execution import endings, redaction, sse
from pytest_llm_latency.execution.decode import Json
from pytest_llm_latency.model import Recording


def _usual_access(api_base: str) -> dict[str, object]:
    return {"api_base": api_base, "api_key": redaction.SIMULATOR_KEY}


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One row.

    ``through_sdk`` is which of litellm's two documented seams its requests leave through: the
    OpenAI SDK's or the ``client`` argument's. ``asks_for_usage`` says that a stream has usage only
    where ``stream_options`` ask for it. ``iterator`` names litellm's parser of events in
    ``library.ITERATORS``. ``access`` is what litellm is called with to reach the simulator.
    """

    through_sdk: bool = False
    asks_for_usage: bool = False
    events: Callable[[Recording], Iterator[sse.ServerSentEvent]] = sse.events
    iterator: str = "config"
    ends: Callable[[Json | None], bool] = endings.openai_ends
    access: Callable[[str], dict[str, object]] = _usual_access


_OPENAI = Provider(through_sdk=True, asks_for_usage=True)
_LIKE_OPENAI = Provider()

PROVIDERS: Mapping[str, Provider] = MappingProxyType({
    "openai": _OPENAI,
    "azure": _OPENAI,
    "custom_openai": _OPENAI,
    "perplexity": _OPENAI,
    "anthropic": Provider(iterator="anthropic", ends=endings.anthropic_ends),
    "gemini": Provider(iterator="gemini", ends=endings.gemini_ends),
})


def row(provider: str) -> Provider:
    """Return a provider's row, or that of the many that speak OpenAI's protocol."""
    return PROVIDERS.get(provider, _LIKE_OPENAI)
