"""The user's own prices."""

from pathlib import Path

import pytest

from pytest_llm_latency.errors import SettingsError
from pytest_llm_latency.execution.cost import Prices
from pytest_llm_latency.execution.price_file import read

YAML = """
openai/gpt-4o-mini:
  input: 0.15
  output: 0.6
  cache_read: 0.075
  flex: {input: 0.075, output: 0.3}
hosted_vllm/llama:
  input: 0
  output: 0
"""


def written(folder: Path, text: str, name: str = "prices.yaml") -> Path:
    """Return a file with this text."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_has_prices_a_million_tokens_by_model_and_tier(tmp_path: Path) -> None:
    """A model that costs nothing is stated as such."""
    found = read(written(tmp_path, YAML))
    usual, flex = found["openai/gpt-4o-mini"][None], found["openai/gpt-4o-mini"]["flex"]
    assert (usual.input, usual.output, usual.cache_read, usual.reasoning) == pytest.approx((1.5e-7, 6e-7, 7.5e-8, None))
    assert flex.output == pytest.approx(3e-7)
    assert found["hosted_vllm/llama"] == {None: Prices(input=0.0, output=0.0)}


def test_a_file_may_be_json(tmp_path: Path) -> None:
    """By its name."""
    assert read(written(tmp_path, '{"a/b": {"input": 1}}', "prices.json"))["a/b"][None].input == 1e-6


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a/b: {inptu: 1}", "a/b has no price 'inptu': did you mean 'input'?"),
        ("a/b: {input: 1, flexx: {input: 1}}", "a/b has no price 'flexx': did you mean 'flex'?"),
        ("a/b: {input: 1, flex: {inputs: 1}}", "a/b, flex has no price 'inputs': did you mean 'input'?"),
        ("a/b: {output: 1}", "a/b lacks the price of the input"),
        ("a/b: {input: -1}", "a/b, input: -1 is no price: write a number of at least 0"),
        ("a/b: {input: cheap}", "a/b, input: 'cheap' is no price"),
        ("a/b: {input: .inf}", "a/b, input: inf is no price"),
        ("a/b: {input: true}", "a/b, input: True is no price"),
        ("a/b: 3", "a/b: 3 is no mapping"),
        ("a/b: {input: 1, batch: 2}", "a/b, batch: 2 is no mapping"),
        ("- a", "has no prices"),
        ("", "has no prices"),
        ("a: [", "is not YAML"),
    ],
)
def test_a_wrong_file_is_refused_with_the_place(tmp_path: Path, text: str, said: str) -> None:
    """And with the nearest right name."""
    path = written(tmp_path, text)
    with pytest.raises(SettingsError) as raised:
        read(path)
    assert str(raised.value).startswith(str(path))
    assert said in str(raised.value)


@pytest.mark.parametrize("text", ["{", "[1]"])
def test_wrong_json_is_refused(tmp_path: Path, text: str) -> None:
    """Not read as YAML."""
    with pytest.raises(SettingsError, match=r"is not JSON|has no prices"):
        read(written(tmp_path, text, "prices.json"))


def test_a_file_that_is_not_there_names_the_option(tmp_path: Path) -> None:
    """Which is where its path stands."""
    with pytest.raises(SettingsError, match="--llm-latency-prices"):
        read(tmp_path / "none.yaml")
