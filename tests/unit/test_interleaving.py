"""Two sides in one run: whose turn it is, what both are given, and what must be alike."""

import dataclasses

import pytest

import nouns
from pytest_llm_latency import interleaving
from pytest_llm_latency.errors import MarkerError
from pytest_llm_latency.model import Conditions, Run, Side

BESIDE = "openai/gpt-4o"


def letters(**plan: int) -> str:
    """Return the sides of all iterations of a plan: A for what stands in for the baseline, B for the test's own."""
    planned = nouns.plan(ab=BESIDE, **plan)
    whole = interleaving.iterations(planned)
    sides = [interleaving.side(planned, each) for each in range(whole.warmup + whole.ramp_in + whole.requests)]
    return "".join("A" if side == "baseline" else "B" for side in sides)


def conditions(side: Side, **changes: object) -> Conditions:
    """Return what one side was measured under."""
    return dataclasses.replace(nouns.conditions(side=side), **changes)


def run(*described: Conditions) -> Run:
    """Return a run of four iterations by turns."""
    samples = tuple(
        nouns.sample(iteration, 0.1, side=side)
        for iteration, side in enumerate(("baseline", "candidate", "candidate", "baseline"))
    )
    plan = nouns.plan(ab=BESIDE, requests=2, warmup=0)
    failures = ((1, nouns.failure()), (3, nouns.failure()))
    return nouns.run(samples=samples, plan=plan, conditions=described, iteration_failures=failures)


def test_the_sides_take_turns_in_blocks_of_four() -> None:
    """ABBA from the first iteration after the warm-up on."""
    assert letters(warmup=0, ramp_in=0, requests=6) == "ABBAABBAABBA"


@pytest.mark.parametrize(("warmup", "ramp_in"), [(0, 0), (1, 0), (3, 1), (2, 5)])
def test_each_side_gets_every_count_of_the_plan(warmup: int, ramp_in: int) -> None:
    """Of the warm-up, of the ramp-in and of what counts."""
    found = letters(warmup=warmup, ramp_in=ramp_in, requests=7)
    bounds = (0, 2 * warmup, 2 * (warmup + ramp_in), len(found))
    for first, end, count in zip(bounds, bounds[1:], (warmup, ramp_in, 7), strict=False):
        assert (found[first:end].count("A"), found[first:end].count("B")) == (count, count)


def test_both_of_a_pair_get_the_same_prompt() -> None:
    """One after another from the source, the warm-up's before the first."""
    plan = nouns.plan(ab=BESIDE, warmup=2, requests=3)
    assert [interleaving.place(plan, each) for each in range(10)] == [-2, -2, -1, -1, 0, 0, 1, 1, 2, 2]


def test_a_plan_with_one_side_is_left_as_it_is() -> None:
    """Nothing takes turns there."""
    plan = nouns.plan(warmup=2)
    assert interleaving.iterations(plan) is plan
    assert interleaving.side(plan, 7) is None
    assert (interleaving.place(plan, 7), interleaving.block(plan)) == (5, 1)


def test_a_run_is_split_into_the_runs_of_its_sides() -> None:
    """Samples, failed iterations and conditions each go to their own."""
    beside, own = interleaving.split(run(conditions("candidate"), conditions("baseline", model=BESIDE)))
    assert [sample.iteration for sample in beside.samples] == [0, 3]
    assert [sample.iteration for sample in own.samples] == [1, 2]
    assert [iteration for iteration, _ in beside.iteration_failures] == [3]
    assert [iteration for iteration, _ in own.iteration_failures] == [1]
    assert [each.model for each in beside.conditions] == [BESIDE]
    assert own.conditions == (nouns.conditions(),)
    assert interleaving.own(run()).samples == own.samples


def test_sides_that_differ_in_what_was_chosen_are_compared() -> None:
    """Model, provider, endpoint and what answers are another's on purpose."""
    other = conditions("baseline", model="x/y", provider="x", endpoint="h", served_model="z", token_source="chunks")
    assert interleaving.differences(run(conditions("candidate"), other)) == ()


@pytest.mark.parametrize("field", ["prompts", "parameters", "stream", "load"])
def test_what_the_body_made_different_is_named(field: str) -> None:
    """With the remedy."""
    other = conditions("baseline", **{field: False if field == "stream" else "another"})
    (sentence,) = interleaving.differences(run(conditions("candidate"), other))
    assert sentence.startswith(f"the step without a name: the {field}")
    assert sentence.endswith("differ: let the body ask both sides the same, as both run it by turns.")


def test_a_step_of_one_side_alone_is_named() -> None:
    """A body that counts its own calls can bring that about."""
    described = (conditions("candidate"), conditions("candidate", step="two"), conditions("baseline"))
    (sentence,) = interleaving.differences(run(*described))
    assert sentence.startswith("step 'two' was asked of one side alone: ")


def test_the_same_model_at_the_same_endpoint_is_a_calibration() -> None:
    """Whatever differs then is chance."""
    assert interleaving.is_calibration(run(conditions("candidate"), conditions("baseline")))
    assert not interleaving.is_calibration(run(conditions("candidate"), conditions("baseline", endpoint="other")))
    assert not interleaving.is_calibration(run())


@pytest.mark.parametrize(
    "name",
    [
        "openai/gpt-4o",
        "gpt-3.5-turbo",
        "ollama/llama3:8b",
        "bedrock/anthropic.claude-v2:1",
        "http://localhost:8000",
        "https://api.example.com/v1",
        "http://[::1]:80",
    ],
)
def test_models_and_base_urls_can_be_measured_beside_a_test(name: str) -> None:
    """As litellm names them."""
    assert interleaving.check(name) == name


@pytest.mark.parametrize("name", ["localhost", "localhost:8000/v1", "api.example.com", "10.0.0.1:80", "server:8000"])
def test_an_address_without_a_scheme_is_refused_with_one(name: str) -> None:
    """It would be taken for a model's name."""
    with pytest.raises(MarkerError, match=rf"looks like an address without its scheme: write 'http://{name}'\.$"):
        interleaving.check(name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ftp://example.com", r"begins with http:// or https:// and a host\.$"),
        ("http://", r"begins with http:// or https:// and a host\.$"),
        ("https://user:secret@example.com", r"leave them out"),
        ("https://example.com/v1?key=secret", r"leave them out"),
    ],
)
def test_a_base_url_that_cannot_be_one_is_refused(name: str, message: str) -> None:
    """What is secret in it is not repeated."""
    with pytest.raises(MarkerError, match=message) as caught:
        interleaving.check(name)
    assert "secret" not in str(caught.value)
