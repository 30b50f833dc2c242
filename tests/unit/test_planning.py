"""From collected tests to their plans."""

from pytest_llm_latency import planning
from pytest_llm_latency.errors import MarkerError


def test_what_an_option_makes_wrong_with_many_tests_is_said_once() -> None:
    """With their names where they are few, else with the first and the number of the others."""
    wrong = {"a": MarkerError("no load."), "b": MarkerError("no model."), "c": MarkerError("no load.")}
    assert planning.told(wrong) == "  a, c: no load.\n  b: no model."
    many = {**wrong, **dict.fromkeys("de", MarkerError("no load."))}
    assert planning.told(many).startswith("  a and 3 others: no load.\n")
