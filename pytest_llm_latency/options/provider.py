"""What a settings file says of a provider."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """What is said of a provider; ``None`` is unsaid. The key shows in no representation."""

    api_key: str | None = field(repr=False)
    base_url: str | None
    requests_per_minute: float | None
    tokens_per_minute: float | None
    max_concurrency: int | None
