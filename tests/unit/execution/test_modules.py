"""Modules that are not ours are given back as they were."""

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


def test_a_module_is_supplied_only_where_its_package_is_missing() -> None:
    """One that can be imported stays what it is."""
    modules.stand_in("somebody.absent", needs="no_such_package", contents={"answer": 42})
    try:
        assert vars(sys.modules["somebody.absent"])["answer"] == 42
        modules.stand_in("somebody.present", needs="json", contents={})
        assert "somebody.present" not in sys.modules
    finally:
        del sys.modules["somebody.absent"]


def test_the_missing_package_is_found_behind_other_errors() -> None:
    """A library wraps what it catches."""
    outer = RuntimeError("cannot")
    outer.__cause__ = ModuleNotFoundError("no", name="boto3")
    assert modules.missing_package(outer) == "boto3"
    assert modules.missing_package(RuntimeError("other")) is None
