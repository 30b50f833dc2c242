"""What the page shows of one step beyond the table."""

import nouns
import sessions
from pytest_llm_latency.report import details


def test_each_step_has_its_own_charts() -> None:
    """Steps are not mixed."""
    run = sessions.talk()
    one, two = details.steps(nouns.result(of=run), nouns.evidence(run))
    assert (one.step, two.step) == ("question", "follow up")
    assert one.metrics[0].charts != two.metrics[0].charts
    assert [each.row.metric.id for each in one.metrics] == ["ttft", "e2e"]


def test_without_the_raw_runs_there_are_tables_alone() -> None:
    """A stored result may have lost its samples."""
    (step,) = details.steps(nouns.result(), None)
    assert (step.metrics, step.phases) == ((), None)
    assert step.measured


def test_an_error_class_has_the_first_of_its_messages() -> None:
    """The most frequent class comes first; a body that raised is among them."""
    failed = [nouns.failure("TimeoutError", f"after {index} s") for index in range(2)]
    samples = nouns.samples([None] * 3) + tuple(
        nouns.sample(3 + index, None, failed=failure) for index, failure in enumerate(failed)
    )
    run = nouns.run(samples=samples)
    (step,) = details.steps(nouns.result("invalid", of=run), nouns.evidence(run))
    assert [(each.name, each.count) for each in step.errors] == [("RateLimitError", 3), ("TimeoutError", 2)]
    assert step.errors[1].example == failed[0]
    assert step.errors[0].http_status == 429


def test_without_room_there_are_errors_alone() -> None:
    """What failed is to be read wherever it is."""
    run = nouns.run([0.2, None])
    (step,) = details.steps(nouns.result(of=run), nouns.evidence(run), None)
    assert (step.metrics, step.phases, step.measured) == ((), None, ())
    assert [each.name for each in step.errors] == ["RateLimitError"]
    assert step.summary is not None


def test_where_there_is_little_room_the_metric_that_moved_most_is_drawn() -> None:
    """Of a page of many tests."""
    run = nouns.run([0.2, 0.3])
    compared = (nouns.comparison("ttft", ratio=1.01), nouns.comparison("e2e", ratio=0.9))
    result = nouns.result(of=run, baseline=[run], comparisons=compared)
    room = details.Room(points=40, all_metrics=False)
    (step,) = details.steps(result, nouns.evidence(run, run), room)
    assert [each.row.metric.id for each in step.metrics] == ["e2e"]
