"""The nouns of the package, which are loaded one room after another."""

import subprocess
import sys

import pytest

from pytest_llm_latency import model


def test_every_noun_that_is_announced_is_there() -> None:
    """A name that no room has would be found by the first who uses it."""
    assert [name for name in model.__all__ if not hasattr(model, name)] == []


def test_a_name_that_is_no_noun_is_an_attribute_error() -> None:
    """What the rooms import for themselves is not theirs to give."""
    with pytest.raises(AttributeError, match="has no attribute 'dataclass'"):
        model.dataclass  # type: ignore[attr-defined]  # noqa: B018  (it is the access that fails)


def test_the_nouns_of_a_plan_are_loaded_without_those_of_results() -> None:
    """Making the classes of all rooms takes longer than collecting a suite."""
    code = "import sys; from pytest_llm_latency.model import Plan; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    rooms = {name for name in done.stdout.split() if name.startswith("pytest_llm_latency.model.")}
    assert rooms == {"pytest_llm_latency.model.notice", "pytest_llm_latency.model.plan"}
