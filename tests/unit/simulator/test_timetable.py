"""Actions are called when they are due, in order, and never all at once while sockets wait."""

import asyncio
import time

from pytest_llm_latency.simulator import precise_loop
from pytest_llm_latency.simulator.timetable import Timetable

MS = 1_000_000


def test_actions_are_called_in_the_order_of_their_stamps_and_never_early() -> None:
    """Whatever the order in which they were put down; equal stamps keep it."""
    called: list[tuple[str, int]] = []

    async def run() -> None:
        timetable, start = Timetable(), time.monotonic_ns()
        done = asyncio.get_running_loop().create_future()
        for name, after in (("c", 3), ("a", 1), ("b", 2), ("b2", 2), ("past", -5)):
            due_ns = start + after * MS
            timetable.at(due_ns, lambda name=name, due_ns=due_ns: called.append((name, time.monotonic_ns() - due_ns)))
        timetable.at(start + 4 * MS, lambda: done.set_result(None))
        await done

    with asyncio.Runner(loop_factory=precise_loop.new_event_loop) as runner:
        runner.run(run())
    assert [name for name, _ in called] == ["past", "a", "b", "b2", "c"]
    assert all(late >= 0 for _, late in called)


async def test_an_action_may_put_down_the_next() -> None:
    """As a sender does for each piece."""
    timetable, done = Timetable(), asyncio.get_running_loop().create_future()
    start, steps = time.monotonic_ns(), []

    def step() -> None:
        steps.append(len(steps))
        if len(steps) == 5:
            done.set_result(None)
        else:
            timetable.at(start + len(steps), step)

    timetable.at(start, step)
    await asyncio.wait_for(done, 10)
    assert steps == [0, 1, 2, 3, 4]


async def test_what_is_put_down_later_may_be_due_earlier() -> None:
    """It does not wait for what was there before."""
    timetable, done = Timetable(), asyncio.get_running_loop().create_future()
    timetable.at(time.monotonic_ns() + 60_000 * MS, lambda: None)
    timetable.at(time.monotonic_ns(), lambda: done.set_result(None))
    await asyncio.wait_for(done, 10)
    timetable.clear()


async def test_sockets_are_read_between_many_actions_that_are_due() -> None:
    """A server that is late still hears its clients."""
    timetable, loop, order = Timetable(), asyncio.get_running_loop(), []
    done = loop.create_future()
    for number in range(1000):
        timetable.at(0, lambda number=number: order.append(number))
    timetable.at(1, lambda: done.set_result(None))
    loop.call_soon(lambda: loop.call_soon(lambda: order.append("read")))
    await asyncio.wait_for(done, 10)
    assert [each for each in order if each != "read"] == list(range(1000))
    assert order.index("read") < 999


async def test_a_cleared_timetable_calls_nothing_more() -> None:
    """The server has gone."""
    timetable, called = Timetable(), []
    timetable.at(time.monotonic_ns() + MS, lambda: called.append(1))
    timetable.clear()
    await asyncio.sleep(0.003)
    assert called == []
    timetable.at(0, lambda: called.append(2))
    await asyncio.sleep(0.001)
    assert called == [2]


async def test_an_action_that_fails_stops_no_other() -> None:
    """The loop reports it."""
    timetable, called, loop = Timetable(), [], asyncio.get_running_loop()
    reported: list[object] = []
    loop.set_exception_handler(lambda _, context: reported.append(context["exception"]))
    timetable.at(0, lambda: 1 / 0)
    timetable.at(1, lambda: called.append(1))
    await asyncio.sleep(0.003)
    assert called == [1]
    assert isinstance(reported[0], ZeroDivisionError)
