"""What two runs must have asked alike, whatever words their source gave."""

from collections.abc import Callable
from typing import Any

import nouns
from pytest_llm_latency.execution.fingerprints import VARIED, Fingerprints
from pytest_llm_latency.prompts import Input, Listed, Replayed, Source, generated, with_nonce
from recordings import request

TRACE = nouns.trace()


def found(source: Source | None, ask: Callable[[Input], Any], count: int = 40, **plan: Any) -> Fingerprints:
    """Return the fingerprints of a step whose iterations ask what ``ask`` makes of their input."""
    made = Fingerprints(nouns.plan(warmup=3, **plan), source)
    for position in range(count):
        given = Input(prompt="", max_tokens=None) if source is None else source.input(position)
        made.add(request(messages=tuple(ask(given))), iteration=position + 3)
    return made


def alone(given: Input) -> list[dict[str, object]]:
    """Ask the prompt and nothing else."""
    prompt = given.prompt
    return [{"role": "user", "content": prompt}] if isinstance(prompt, str) else [dict(each) for each in prompt]


def within(text: str) -> Callable[[Input], list[dict[str, object]]]:
    """Ask the prompt within a text of the test."""
    return lambda given: [{"role": "user", "content": text.format(given.prompt)}]


def test_a_source_counts_as_one_prompt_however_many_it_gives() -> None:
    """Runs of another number of requests stay comparable; those of another source do not."""
    one, other = generated(30, seed=1), generated(30, seed=2)
    prompts = found(one, alone).prompts
    assert prompts == found(one, alone, count=7).prompts
    assert prompts.endswith(f", source {one.digest}")
    assert prompts.split(",")[0] == found(other, alone).prompts.split(",")[0]
    assert prompts != found(other, alone).prompts


def test_what_the_test_writes_around_the_prompt_counts() -> None:
    """Another question about the same texts is another benchmark."""
    source = generated(30)
    asked = found(source, within("Summarise: {}")).prompts
    assert asked == found(source, within("Summarise: {}"), count=9).prompts
    assert asked not in {found(source, within("Translate: {}")).prompts, found(source, alone).prompts}


def test_messages_of_a_source_are_known_again() -> None:
    """With or without others around them."""
    talks = tuple(
        Input(prompt=({"role": "user", "content": f"Question {place}"},), max_tokens=None) for place in range(40)
    )
    source = Listed(name=None, inputs=talks, seed=None)
    assert found(source, alone).prompts == found(source, alone, count=3).prompts
    system = {"role": "system", "content": "Be brief."}
    assert found(source, lambda given: [system, *alone(given)]).prompts != found(source, alone).prompts


def test_a_body_that_uses_no_prompt_of_its_source_is_known_by_its_own() -> None:
    """The source has no part in it."""
    ask = within("Hello")
    assert found(generated(30), ask).prompts == found(None, ask).prompts
    assert found(None, lambda _: [{"role": "user", "content": str(next(numbers))}]).prompts == VARIED


numbers = iter(range(1000))


def test_a_nonce_is_no_part_of_the_prompt_but_its_use_is() -> None:
    """A run with one is not compared with a run without."""
    led = found(None, lambda given: list(with_nonce(within("Hello")(given))), nonce=True).prompts
    assert led == found(None, lambda given: list(with_nonce(within("Hello")(given))), nonce=True).prompts
    assert led == f"{found(None, within('Hello')).prompts}, nonce"


def test_the_length_that_a_source_asks_for_is_no_parameter_of_the_test() -> None:
    """Each request has another; one that the test names stays."""
    source = Replayed(trace=TRACE, source=None)
    made = Fingerprints(nouns.plan(warmup=0), source)
    for iteration in range(4):
        bound = source.input(iteration).max_tokens
        made.add(request(parameters={"stream": True, "max_tokens": bound, "top_p": 0.5}), iteration)
    assert made.parameters == '{"top_p": 0.5}'
    made.add(request(parameters={"max_tokens": 1000}), 0)
    assert '"max_tokens": 1000' in made.parameters


def test_another_api_is_another_benchmark() -> None:
    """The same words in a chat, in a response and embedded."""

    def parameters(**changes: Any) -> str:
        made = Fingerprints(nouns.plan(warmup=0), None)
        made.add(request(**changes), iteration=0)
        return made.parameters

    asked = [parameters(api=api) for api in ("chat", "responses", "embeddings")]
    assert len(set(asked)) == 3
    assert "api" not in asked[0]


def test_what_a_conversation_of_responses_repeats_is_no_prompt() -> None:
    """Its calls have other ids each time."""

    def items(number: int) -> list[dict[str, object]]:
        call = {"type": "function_call", "call_id": f"{number}", "name": "weather", "arguments": "{}"}
        output = {"type": "function_call_output", "call_id": f"{number}", "output": "21"}
        return [{"role": "user", "content": "Hi"}, call, output]

    counted = iter(range(100))
    assert VARIED not in found(None, lambda _: items(next(counted))).prompts
