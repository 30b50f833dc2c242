"""How much of each benchmark a page draws."""

import dataclasses
import math

import nouns
from pytest_llm_latency.model import Result
from pytest_llm_latency.report import room
from pytest_llm_latency.report.rows import rows

RUN = nouns.run([0.2, 0.3, 0.25])


def result(name: str, status: str = "pass", ratio: float = 1.0) -> Result:
    """Return a result of two lines whose first metric moved by so much."""
    found = nouns.result(status, of=RUN, baseline=[RUN], comparisons=(nouns.comparison("ttft", status, ratio=ratio),))
    return dataclasses.replace(found, test_id=f"t.py::{name}")


def rooms(results: list[Result]) -> dict[str, room.Room | None]:
    """Return the room of each test by its name."""
    found = room.rooms(results, [rows(each) for each in results])
    return {each.test_id.partition("::")[2]: own for each, own in zip(results, found, strict=True)}


def test_a_page_with_few_lines_draws_everything() -> None:
    """Each line with all its points."""
    assert set(rooms([result(f"test_{place}") for place in range(15)]).values()) == {room.WHOLE}


def test_what_needs_a_look_is_drawn_first_and_then_what_moved_most() -> None:
    """In either direction; of what passed one metric, and of the others nothing."""
    results = [result(f"test_{place}", ratio=math.exp((place - 150) / 1000)) for place in range(300)]
    results += [result("test_slow", "regressed", 1.4), result("test_unclear", "inconclusive", 1.001)]
    found = rooms(results)
    drawn = {name: own.all_metrics for name, own in found.items() if own is not None}
    assert drawn["test_slow"] is drawn["test_unclear"] is True
    assert not any(whole for name, whole in drawn.items() if name not in {"test_slow", "test_unclear"})
    places = sorted(abs(int(name.removeprefix("test_")) - 150) for name in drawn if name[5:].isdigit())
    assert places[-1] == 150
    assert places[0] == 150 - len(places) // 2


def test_a_test_of_more_steps_than_there_is_room_for_is_drawn_where_it_comes_first() -> None:
    """A page without a chart helps nobody; and nothing is drawn that there is no room for after it."""
    steps = nouns.run(samples=tuple(sample for place in range(40) for sample in nouns.samples([0.2], step=f"{place}")))
    long = nouns.result("regressed", of=dataclasses.replace(steps, test_id="t.py::test_long"))
    found = rooms([result("test_short"), long])
    assert found["test_long"] is not None
    assert not found["test_long"].all_metrics
    assert found["test_short"] is None


def test_of_each_step_the_metric_that_moved_most_is_drawn() -> None:
    """In the order of the table."""
    compared = (nouns.comparison("ttft", ratio=1.01), nouns.comparison("e2e", ratio=0.9))
    table = rows(nouns.result(of=RUN, baseline=[RUN], comparisons=compared))
    assert [row.metric.id for row in room.drawn(table, room.Room(points=40, all_metrics=False))] == ["e2e"]
    assert [row.metric.id for row in room.drawn(table, room.WHOLE)] == ["ttft", "e2e"]
