"""Keeps a library's own warnings out of test runs that turn warnings into errors."""

import threading
import warnings
from typing import ClassVar


class Quiet:
    """Ignores warnings while at least one ``with`` block of any task or thread is open.

    Filters belong to the process, and ``warnings.catch_warnings`` restores what it found: blocks
    that overlap, as those of two tasks do, would restore each other's. So the blocks are counted.
    """

    _lock: ClassVar = threading.Lock()
    _open: ClassVar = 0
    _caught: ClassVar[warnings.catch_warnings | None] = None

    def __enter__(self) -> None:
        with self._lock:
            if Quiet._open == 0:
                Quiet._caught = warnings.catch_warnings()
                Quiet._caught.__enter__()
                warnings.simplefilter("ignore")
            Quiet._open += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            Quiet._open -= 1
            if Quiet._open == 0 and Quiet._caught is not None:
                Quiet._caught.__exit__(None, None, None)
                Quiet._caught = None
