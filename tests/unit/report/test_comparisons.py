"""Variants side by side, sweeps, costs and the history: what stands beside each other and what does not."""

import dataclasses

import nouns
import sessions
from pytest_llm_latency.model import Result
from pytest_llm_latency.report import courses, side_by_side, sweeps
from pytest_llm_latency.stats.history import digest
from pytest_llm_latency.stats.summary import by_region


def variant(name: str, parameters: str = "{}", **conditions: str) -> Result:
    """Return the result of one parameter set of a test."""
    run = nouns.run(
        nouns.lognormal(60, median=0.2),
        test_id=f"t.py::test_a[{name}]",
        conditions=(nouns.conditions(parameters=parameters, **conditions),),
    )
    return nouns.result(of=run)


def test_models_of_one_test_stand_side_by_side_with_the_fastest_first() -> None:
    """On one axis, each with its cost for 1,000 tokens of input and output."""
    results = [result for result, _ in sessions.varied()]
    (group,) = side_by_side.groups([(f"b-{place}", each) for place, each in enumerate(reversed(results))])
    assert (group.test, group.metric) == ("tests/test_variants.py::test_translate", "ttft")
    medians = [each.summary.distributions[0].p50 or 0.0 for each in group.variants]
    assert medians == sorted(medians)
    bars = [each.bar.median for each in group.variants if each.bar is not None]
    assert bars == sorted(bars)
    assert len(bars) == len(results)


def test_regions_of_one_run_stand_side_by_side() -> None:
    """Each with the requests that it sent."""
    session, _ = sessions.two_regions()
    (result,) = session.results
    assert result.regions == by_region(nouns.run(samples=sessions.placed()))
    (group,) = side_by_side.groups([("b-1", result)])
    assert {each.region: each.summary.requests for each in group.variants} == {"eu": 60, "us <east>": 40}


def test_tests_of_one_model_in_one_place_are_no_comparison() -> None:
    """Two parameter sets, or two tests."""
    results = [variant("a"), variant("b"), nouns.result()]
    assert side_by_side.groups([("b", each) for each in results]) == []


def test_what_a_request_and_a_thousand_tokens_cost_is_computed_from_what_was_billed() -> None:
    """Of a run of 412 tokens in and 25 out at $0.00008; an unknown cost is none."""
    (cost,) = side_by_side.costs([("b-1", nouns.result(baseline=[nouns.run([0.2])]))])
    assert cost.request_usd is not None
    assert round(cost.request_usd, 9) == 0.00008
    assert cost.before_usd == cost.request_usd
    assert cost.per_1000_tokens_usd is not None
    assert round(cost.per_1000_tokens_usd, 9) == round(0.00008 / 437 * 1000, 9)
    free = nouns.run(samples=nouns.samples([0.2], cost_usd=None))
    assert side_by_side.costs([("b-1", nouns.result(of=free))]) == []


def test_a_parameter_that_was_varied_has_a_chart_and_one_that_was_not_has_none() -> None:
    """A number stands on its axis where it belongs, a word beside the others."""
    found = [
        variant("0", '{"temperature": 0.0, "max_tokens": 9}'),
        variant("1", '{"temperature": 0.25, "max_tokens": 9}'),
        variant("2", '{"temperature": 1.0, "max_tokens": 9}'),
    ]
    (sweep,) = sweeps.sweeps(found, [])
    assert [chart.title for chart in sweep.charts] == [
        "Time to first token by temperature",
        "End to end by temperature",
    ]
    assert [each.label for each in sweep.charts[0].table.readings] == ["0.0", "0.25", "1.0"]
    places = [label.x for label in sweep.charts[0].labels if label.text in {"0.0", "0.25", "1.0"}]
    assert places[1] - places[0] < places[2] - places[1]
    words = [variant("a", '{"tool_choice": "auto"}'), variant("b", '{"tool_choice": "none"}')]
    assert [each.label for each in sweeps.sweeps(words, [])[0].charts[0].table.readings] == ["auto", "none"]
    assert [key.text for key in sweep.charts[0].keys] == ["median", "p95"]
    few = [dataclasses.replace(each, summaries=nouns.result(of=nouns.run([0.2] * 20)).summaries) for each in found]
    assert [key.text for key in sweeps.sweeps(few, [])[0].charts[0].keys] == ["median"]
    assert sweeps.sweeps([variant("a", "varied"), variant("b", '{"a": 1}, {"a": 2}')], []) == []


def test_models_are_not_mixed_in_a_sweep() -> None:
    """A temperature of one model says nothing of another's."""
    found = [variant("0", '{"temperature": 0}', model="a/b"), variant("1", '{"temperature": 1}', model="a/c")]
    assert sweeps.sweeps(found, []) == []


def test_latency_is_drawn_by_the_length_of_the_input_where_it_varies() -> None:
    """Each length by itself where they are few, in eight ranges where they are many."""
    for lengths, count in (([50, 100, 400], 3), (range(100, 300), 8), ([400, 401], 0)):
        samples = [
            nouns.with_tokens(sample, lengths[index % len(lengths)], cost=0.001)
            for index, sample in enumerate(nouns.samples(nouns.lognormal(240, median=0.2)))
        ]
        run = nouns.run(samples=tuple(samples))
        result = nouns.result(of=run)
        found = sweeps.sweeps([result], sweeps.lengths(result, nouns.evidence(run)))
        assert [len(chart.table.readings) for each in found for chart in each.charts] == [count, count] * bool(count)


def test_the_history_has_the_runs_that_were_measured_alike_and_its_change_points() -> None:
    """A run of another model is not among them."""
    result, evidence = sessions.changed()
    found = courses.courses(result, evidence)
    assert found is not None
    assert found.sentences[0].startswith("ttft: p95 ")
    assert "from the run of 2026-02-16" in found.sentences[0]
    assert len(found.charts[0].table.readings) == 11
    assert [each.paint for each in found.charts[0].shapes].count("mark") == 1
    run = nouns.run([0.2] * 60)
    other = nouns.run([0.2] * 60, conditions=(nouns.conditions(model="other"),))
    assert courses.courses(nouns.result(of=run), nouns.evidence(run, run, other)) is None


def test_the_history_goes_on_with_what_was_accepted_before() -> None:
    """With the five runs of a usual baseline there is a change point too."""
    result, whole = sessions.changed()
    past = tuple(digest(each) for each in sessions.accepted()[:5])
    found = courses.courses(result, dataclasses.replace(whole, baseline=whole.baseline[5:], past=past))
    everything = courses.courses(result, whole)
    assert found is not None
    assert everything is not None
    assert found.sentences == everything.sentences
    assert found.charts[0].table == everything.charts[0].table


def test_a_run_that_measured_its_own_reference_has_no_history() -> None:
    """What it is compared with was not accepted before."""
    run = nouns.run([0.2] * 60, plan=nouns.plan(ab="openai/gpt-4o"))
    assert courses.courses(nouns.result(of=run), nouns.evidence(run, run, run)) is None
