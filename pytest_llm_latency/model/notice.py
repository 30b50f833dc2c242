"""What a run or a session has to say beside its figures."""

from dataclasses import dataclass

LOST = "worker_lost"  # the code of the notice that one of several processes did not measure to its end


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A warning as data: what, the number, the remedy."""

    code: str
    message: str
