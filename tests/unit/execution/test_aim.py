"""Which model a call asks, and where, on each side of an interleaved run."""

import pytest

import nouns
from pytest_llm_latency.errors import BodyError
from pytest_llm_latency.execution.aim import aimed
from pytest_llm_latency.model import Plan

URL = "http://127.0.0.1:8000/v1"
NOTHING: dict[str, object] = {}


def plan(ab: str | None, model: str | None = "openai/gpt-4o-mini") -> Plan:
    """Return a plan that measures this beside its model."""
    return nouns.plan(ab=ab, model=model)


def test_a_run_with_one_side_asks_what_the_call_says_else_the_plan() -> None:
    """As without the choice."""
    assert aimed(plan(None), None, None, NOTHING).model == "openai/gpt-4o-mini"
    assert aimed(plan(None), None, "groq/x", {"api_base": "b"}).model == "groq/x"


def test_another_model_takes_the_place_of_the_markers_on_one_side() -> None:
    """The parameters stay the same."""
    found = [aimed(plan("groq/x"), side, None, {"seed": 1}) for side in ("baseline", "candidate")]
    assert [each.model for each in found] == ["groq/x", "openai/gpt-4o-mini"]
    assert [each.parameters for each in found] == [{"seed": 1}, {"seed": 1}]


def test_a_base_url_takes_the_place_of_the_calls_on_one_side() -> None:
    """In either of the spellings that litellm takes; the model is the call's."""
    given = {"base_url": "http://mine", "seed": 1}
    beside, own = (aimed(plan(URL), side, "groq/x", given) for side in ("baseline", "candidate"))
    assert (beside.model, dict(beside.parameters)) == ("groq/x", {"api_base": URL, "seed": 1})
    assert (own.model, dict(own.parameters)) == ("groq/x", given)


@pytest.mark.parametrize("side", ["baseline", "candidate"])
@pytest.mark.parametrize(
    ("model", "parameters", "message"),
    [
        ("groq/y", {}, r"names model='groq/y'.*name the model in the marker, or give ab a base URL\.$"),
        (None, {"custom_llm_provider": "openai"}, r"write it into the model's name"),
        (None, {"api_key": "secret", "api_base": "b"}, r"names api_base and api_key.*set the variables"),
    ],
)
def test_a_call_that_another_model_cannot_take_over_is_refused_on_both_sides(
    side: str, model: str | None, parameters: dict[str, object], message: str
) -> None:
    """Else one side would be measured with what belongs to the other."""
    with pytest.raises(BodyError, match=message) as caught:
        aimed(plan("groq/x"), side, model, parameters)  # type: ignore[arg-type]
    assert "secret" not in str(caught.value)


def test_a_call_may_name_the_markers_model_and_its_provider_s_server() -> None:
    """Two models of one server are compared so."""
    given = {"api_base": "http://mine", "api_key": "k"}
    found = aimed(plan("openai/other"), "baseline", "openai/gpt-4o-mini", given)
    assert (found.model, found.parameters) == ("openai/other", given)
