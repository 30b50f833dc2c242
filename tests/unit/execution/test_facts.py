"""The facts of a step, gathered by several processes, are those of one that ran it all."""

from dataclasses import replace

import nouns
from pytest_llm_latency.execution.facts import Gathering, StepFacts, conditions, together
from pytest_llm_latency.execution.fingerprints import Fingerprints
from pytest_llm_latency.execution.spool import Entry
from pytest_llm_latency.model import Decoded
from pytest_llm_latency.prompts import Listed
from recordings import decoded, recording, request

PLAN = nouns.plan(warmup=0)


def gathered(iterations: range, *, source: Listed | None = None) -> StepFacts:
    """Return the facts of these iterations, whose prompts and served models take turns."""
    gathering = Gathering(("step", None), Fingerprints(PLAN, source))
    for iteration in iterations:
        asked = request(messages=({"role": "user", "content": f"question {iteration % 3}"},))
        entry = Entry(iteration=iteration, phase="measure", step="step", recording=recording(request=asked))
        gathering.add(entry, answered(iteration))
    return gathering.facts


def answered(iteration: int) -> Decoded:
    """Return an answer by one of two served models."""
    return decoded(served_model="ab"[iteration % 2])


def test_the_parts_of_a_load_come_to_the_conditions_of_the_whole() -> None:
    """Each part alone saw other prompts."""
    (whole,) = together([gathered(range(12))])
    (parts,) = together(gathered(range(12)[position::4]) for position in (2, 0, 3, 1))
    assert conditions(parts, PLAN) == conditions(whole, PLAN)
    assert conditions(gathered(range(0, 12, 3)), PLAN).prompts != conditions(whole, PLAN).prompts


def test_one_part_that_was_given_words_is_enough_to_name_their_source() -> None:
    """A part may have asked nothing that was given."""
    plain = gathered(range(2))
    (both,) = together([
        plain,
        replace(plain, asked=replace(plain.asked, source="ab12")),
    ])
    assert conditions(both, PLAN).prompts.endswith(", source ab12")
