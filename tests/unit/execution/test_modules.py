"""Modules that are not ours are given back as they were."""

import importlib
import sys
import types

from pytest_llm_latency.execution import modules


def test_what_was_exchanged_comes_back() -> None:
    """Names that were not there are gone again."""
    module = types.ModuleType("somebody")
    vars(module)["retries"] = 3
    restore = modules.exchange(module, {"retries": 0, "telemetry": False})
    assert (vars(module)["retries"], vars(module)["telemetry"]) == (0, False)
    restore()
    assert vars(module)["retries"] == 3
    assert "telemetry" not in vars(module)


def test_a_module_that_cannot_be_imported_is_supplied() -> None:
    """Whoever imports it finds what it was given."""
    modules.stand_in("somebody_absent", {"answer": 42})
    try:
        assert vars(importlib.import_module("somebody_absent"))["answer"] == 42
    finally:
        del sys.modules["somebody_absent"]


def test_the_missing_package_is_found_behind_other_errors() -> None:
    """A library wraps what it catches."""
    outer = RuntimeError("cannot")
    outer.__cause__ = ModuleNotFoundError("no", name="boto3")
    assert modules.missing_package(outer) == "boto3"
    assert modules.missing_package(RuntimeError("other")) is None
