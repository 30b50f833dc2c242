"""An event loop whose timers are exact to some ten microseconds."""

import asyncio
import select
import selectors


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Return a loop that wakes when a timer is due and not up to a millisecond later.

    ``epoll_wait`` counts in whole milliseconds, and asyncio rounds up to them; libuv's timers, and
    with them uvloop's, do the same. Where there is no epoll, the platform's own loop is exact.
    """
    if hasattr(selectors, "EpollSelector"):
        return asyncio.SelectorEventLoop(_MicrosecondSelector())
    return asyncio.new_event_loop()


if hasattr(selectors, "EpollSelector"):

    class _MicrosecondSelector(selectors.EpollSelector):
        """Waits for its epoll descriptor with ``select``, which counts in microseconds."""

        def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
            if timeout is not None and timeout > 0:
                ready, _, _ = select.select((self.fileno(),), (), (), timeout)
                return super().select(0) if ready else []
            return super().select(timeout)
