"""LLM-Test-Bench's files as benchmarks: datasets, suites and fleet manifests."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_llm_latency.testbench.scenario import Scenario

if TYPE_CHECKING:
    from _pytest.mark.structures import MarkDecorator

__all__ = ["Scenario", "changes", "scenarios"]


def scenarios(path: str | Path, *, profile: str | None = None, datasets: str | Path | None = None) -> "MarkDecorator":
    """Run a latency test once for each scenario of a file, which it gets as its argument ``scenario``.

    ``path`` counts from the test's folder or else from pytest's root. ``profile`` is which one of a fleet manifest's
    load profiles, ``None`` for all; ``datasets`` is the folder of the manifest's datasets.
    """
    folder = None if datasets is None else str(datasets)
    return pytest.mark.llm_latency_scenarios(path=str(path), profile=profile, datasets=folder)


def changes(path: str | Path) -> "MarkDecorator":
    """Run a latency test before and after a decision of LLM-Auto-Optimizer: with its ``parameters``, old and new.

    They are litellm's, for ``llm(..., **parameters)``. ``path`` counts from the test's folder or else from pytest's
    root.
    """
    return pytest.mark.llm_latency_changes(path=str(path))
