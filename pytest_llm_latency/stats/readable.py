"""What can be read as the values of a run: a row of numbers, none of which is missing."""

import numpy as np
from numpy.typing import ArrayLike

from pytest_llm_latency.errors import StatisticsError


def check(values: ArrayLike, what: str) -> None:
    """Raise ``StatisticsError`` for values that are no row of numbers; ``what`` names them in its message.

    Infinity is a number: a request that failed.
    """
    try:
        found = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        message = f"{what} has something else than numbers: give one number a request, math.inf for one that failed."
        raise StatisticsError(message) from None
    if found.ndim == 0:
        raise StatisticsError(f"{what} is a single number: give a run as a row of numbers, and a baseline as runs.")
    if found.ndim > 1:
        shape = " × ".join(map(str, found.shape))
        raise StatisticsError(f"{what} is a table of {shape}: give a run as one row of numbers, one a request.")
    missing = np.flatnonzero(np.isnan(found))
    if missing.size:
        more = f", as are {missing.size - 1} others of {found.size}" if missing.size > 1 else ""
        raise StatisticsError(
            f"{what}[{missing[0]}] is not a number{more}: leave out what was not measured, and give math.inf for a "
            "request that failed."
        )
