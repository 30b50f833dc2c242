"""A library's warnings stay out of suites that turn warnings into errors."""

import asyncio
import warnings

import pytest

from pytest_llm_latency.execution.quiet import Quiet


def test_warnings_are_ignored_within_a_block_and_nowhere_else() -> None:
    """The filters of whoever runs the suite come back."""
    with Quiet():
        warnings.warn("noise", stacklevel=1)
    with pytest.raises(UserWarning, match="signal"):
        warnings.warn("signal", stacklevel=1)


def test_blocks_may_be_nested_and_broken_off() -> None:
    """The last one to leave puts the filters back."""
    with pytest.raises(KeyError), Quiet(), Quiet():
        raise KeyError
    with pytest.raises(UserWarning, match="signal"):
        warnings.warn("signal", stacklevel=1)


async def test_blocks_of_tasks_may_overlap() -> None:
    """Whoever entered first may leave first."""
    filters = list(warnings.filters)
    first_left = asyncio.Event()

    async def first() -> None:
        with Quiet():
            await asyncio.sleep(0)
        first_left.set()

    async def second() -> None:
        with Quiet():
            await first_left.wait()
            warnings.warn("noise", stacklevel=1)

    await asyncio.gather(first(), second())
    assert list(warnings.filters) == filters
