"""References to variables in the texts of a settings file."""

import pytest

from pytest_llm_latency.config_file.variables import VariableError, expand

ENVIRONMENT = {"A": "one", "B2_": "t$wo", "EMPTY": ""}


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("", ""),
        ("${A}", "one"),
        ("x${A}-${B2_}", "xone-t$wo"),
        ("$${A} costs $0.50 $$", "${A} costs $0.50 $"),
        ("${A:-other}", "one"),
        ("${NONE:-other}", "other"),
        ("${NONE:-}", ""),
        ("${NONE:-http://x:80/a}", "http://x:80/a"),
        ("${EMPTY}", ""),
        ("${EMPTY:-other}", "other"),
    ],
)
def test_a_reference_is_the_value_of_its_variable(text: str, expanded: str) -> None:
    """A default counts where that is not set or empty, and a value is not expanded again."""
    assert expand(text, ENVIRONMENT) == expanded


@pytest.mark.parametrize("text", ["${}", "${1A}", "${A", "${A-x}", "${ A}"])
def test_what_looks_like_a_reference_and_is_none_is_refused(text: str) -> None:
    """It would count as the text that it is."""
    with pytest.raises(VariableError, match=r"names no variable: write \$\{NAME\} or"):
        expand(text, ENVIRONMENT)


def test_a_variable_that_is_not_set_is_named() -> None:
    """With what to write where it need not be."""
    with pytest.raises(VariableError, match=r"^the variable NONE is not set: set it, or write \$\{NONE:-default\}\.$"):
        expand("x${NONE}", ENVIRONMENT)
