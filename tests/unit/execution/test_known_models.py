"""What is known of the names of models, without litellm."""

from pathlib import Path

import pytest

from pytest_llm_latency.errors import UnknownModelError
from pytest_llm_latency.execution import known_models


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("openai/gpt-4o-mini", "openai"),
        ("openai/ft:gpt-4o-mini:mine", "openai"),
        ("openai/something-of-our-own", "openai"),
        ("azure/a-deployment", "azure"),
        ("openrouter/openai/gpt-4o", "openrouter"),
        ("hosted_vllm/gpt4o-mini", "hosted_vllm"),
        ("poe/some-model", "poe"),  # has no folder, as many that speak OpenAI's protocol
        ("azure_text/a-deployment", "azure_text"),
    ],
)
def test_a_model_that_nothing_is_known_against_has_its_provider(model: str, provider: str) -> None:
    """Also where users name models themselves."""
    assert known_models.check(model) == provider


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("claude-sonet-4-5", "has no provider: did you mean 'anthropic/claude-sonnet-4-5'?"),
        ("gpt-4o-mini", "has no provider: write it as 'openai/gpt-4o-mini'."),
        ("something", "has no provider: write it as 'provider/model'"),
        ("openai/", "has no provider"),
        (
            "antropic/claude",
            "does not know the provider of the model 'antropic/claude': did you mean 'anthropic/claude'?",
        ),
        ("qqqqqq/zzz", "write it as 'provider/model' with litellm's names"),
        (
            "openai/gpt4o-mini",
            "litellm does not list the model 'openai/gpt4o-mini': did you mean 'openai/gpt-4o-mini'?",
        ),
    ],
)
def test_a_name_that_is_nearly_another_is_a_question(model: str, said: str) -> None:
    """With the nearest name that litellm knows."""
    with pytest.raises(UnknownModelError) as caught:
        known_models.check(model)
    assert said in str(caught.value)


def test_behind_a_server_of_one_s_own_any_name_may_be_right(monkeypatch: pytest.MonkeyPatch) -> None:
    """The protocol is OpenAI's, the models are not."""
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:8000/v1")
    assert known_models.check("openai/gpt4o-mini") == "openai"


@pytest.mark.parametrize("name", ["_listed", "_providers"])
def test_where_litellm_has_no_such_files_every_name_is_taken(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A later version may have them elsewhere."""
    monkeypatch.setattr(known_models, "_folder", lambda: tmp_path)
    monkeypatch.setattr(known_models, name, getattr(known_models, name).__wrapped__)
    assert known_models.check("opnai/gpt-4o") == "opnai"
