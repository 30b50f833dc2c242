"""What a run or a session has to say beside its figures."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A warning as data: what, the number, the remedy."""

    code: str
    message: str
