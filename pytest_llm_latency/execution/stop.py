"""How a run ends early and cleanly: no further request starts, and those under way finish."""

from pytest_llm_latency.model import Notice


class StopMeasuring(BaseException):
    """Carries the reason out of a test body, past every handler of errors; it is none."""

    def __init__(self, notice: Notice) -> None:
        super().__init__(notice.message)
        self.notice = notice


def holds_stop(error: BaseException) -> bool:
    """Whether an error is a stop, or a group with one."""
    inner = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    return isinstance(error, StopMeasuring) or any(map(holds_stop, inner))
