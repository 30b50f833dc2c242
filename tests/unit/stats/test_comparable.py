"""What makes two runs incomparable, and what is only worth a warning."""

import dataclasses

import pytest

import nouns
from pytest_llm_latency.model import PROXY
from pytest_llm_latency.stats.comparable import REMEDY, differences, environment_changes, missing_steps


def test_equal_conditions_have_no_differences() -> None:
    """Also where prompts vary in both."""
    varied = nouns.conditions(prompts="varied")

    assert differences([varied], [varied]) == ()


def test_each_difference_is_a_sentence_and_the_remedy_stands_once() -> None:
    """Step, field and both values are named."""
    before = nouns.conditions(step="plan", model="openai/gpt-4o", stream=True, version=None)
    now = nouns.conditions(step="plan", model="openai/gpt-4o-mini", stream=False, version="2")

    found = differences([before], [now])

    assert found == (
        "step 'plan': the model was openai/gpt-4o in the baseline and is openai/gpt-4o-mini",
        "step 'plan': the stream mode was on in the baseline and is off",
        f"step 'plan': the version label was not set in the baseline and is 2: {REMEDY}",
    )


@pytest.mark.parametrize(
    "field",
    [field.name for field in dataclasses.fields(nouns.conditions()) if field.name not in {"step", "side", "stream"}],
)
def test_every_condition_counts(field: str) -> None:
    """A new field of the conditions must not be forgotten; step and side say of what they are."""
    changed = dataclasses.replace(nouns.conditions(), **{field: "another"})

    assert len(differences([nouns.conditions()], [changed])) == 1


@pytest.mark.parametrize("field", ["served_model", "token_source"])
def test_what_is_unknown_on_one_side_is_no_difference(field: str) -> None:
    """A run in which every request failed is slower, not incomparable."""
    unknown = dataclasses.replace(nouns.conditions(), **{field: None})

    assert differences([nouns.conditions()], [unknown]) == ()
    assert differences([unknown], [nouns.conditions()]) == ()


def test_steps_are_differences_where_none_is_common() -> None:
    """Each is named."""
    found = differences([nouns.conditions(step="old")], [nouns.conditions(step="new")])

    assert found == (
        "step 'new' was not measured before",
        f"step 'old' is in the baseline, not in this run: {REMEDY}",
    )


def test_steps_beside_a_common_one_are_no_differences() -> None:
    """What both have can be compared; what is gone is told apart."""
    one, other = nouns.conditions(step="one"), nouns.conditions(step="other")

    assert differences([one], [one, other]) == differences([one, other], [one]) == ()
    assert (missing_steps([one, other], [one]), missing_steps([one], [one, other])) == (("other",), ())
    assert missing_steps([one], []) == ()


def test_a_run_without_requests_is_not_called_incomparable() -> None:
    """Its errors are what counts."""
    assert differences([nouns.conditions()], []) == ()


def test_surroundings_are_compared_without_the_commit() -> None:
    """Commit, branch and local changes are what a comparison is for."""
    before = nouns.environment(python="3.12.4", cpus=4, commit="a", branch="main", dirty=False, versions={"x": "1"})
    now = nouns.environment(
        python="3.13.0", cpus=8, commit="b", branch="fix", dirty=True, versions={"x": "2", "y": "1", PROXY: "A_PROXY"}
    )

    assert environment_changes(before, now) == (
        "Python was 3.12.4 in the baseline and is 3.13.0",
        "number of CPUs was 4 in the baseline and is 8",
        "proxy was none in the baseline and is A_PROXY",
        "x was 1 in the baseline and is 2",
        "y was not installed in the baseline and is 1",
    )
    assert environment_changes(before, before) == ()
