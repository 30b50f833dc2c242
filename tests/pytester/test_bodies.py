"""Every kind of test function can be measured, with the fixtures that it would have without."""

import pytest

from suites import Suite, printed

KINDS = """
import asyncio
import threading

import pytest

pytestmark = pytest.mark.llm_latency(model="openai/gpt-4o-mini", requests=4, warmup=1, concurrency=2)

async def test_async(llm):
    assert threading.current_thread() is threading.main_thread()
    reply = await llm("hi")
    assert reply.text

def test_plain(llm):
    assert threading.current_thread() is not threading.main_thread()
    reply = llm("hi")
    assert reply.text

class TestMethods:
    greeting = "hi"

    async def test_async(self, llm):
        await llm(self.greeting)

    def test_plain(self, llm):
        llm(self.greeting)

@pytest.mark.parametrize("number", [1, 2])
async def test_async_parameter(llm, number):
    await llm(f"hi {number}")

@pytest.mark.parametrize("number", [1, 2])
def test_plain_parameter(llm, number):
    llm(f"hi {number}")
"""

# {0} decorates fixtures, {1} the test: in strict mode pytest-asyncio wants its own fixtures.
LOOPS = """
import asyncio

import pytest
import pytest_asyncio

seen = []

@{fixture}
async def resource():
    seen.append(("opened", asyncio.get_running_loop()))
    yield asyncio.get_running_loop()
    assert asyncio.get_running_loop() is seen[0][1]
    seen.append(("closed", None))

@pytest.mark.llm_latency(model="openai/gpt-4o-mini", requests=3, warmup=1)
async def test_chat(llm, resource):
    assert asyncio.get_running_loop() is resource
    await llm("hi")

def test_after():
    assert [what for what, _ in seen] == ["opened", "closed"]
"""

MODULE_LOOP = """
import asyncio

import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="module")

loops = set()

@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def resource():
    loops.add(asyncio.get_running_loop())
    yield
    loops.add(asyncio.get_running_loop())

@pytest.mark.llm_latency(model="openai/gpt-4o-mini", requests=3, warmup=1)
class TestAll:
    async def test_one(self, llm, resource):
        loops.add(asyncio.get_running_loop())
        await llm("hi")

    async def test_two(self, llm, resource):
        loops.add(asyncio.get_running_loop())
        await llm("hi")
        assert len(loops) == 1
"""


def test_coroutines_functions_methods_and_parameters_are_measured(suite: Suite) -> None:
    """Each parameter is a benchmark of its own; plain bodies run in threads."""
    suite.write(KINDS)
    suite.measure().assert_outcomes(passed=8)
    assert list(suite.verdicts) == [
        "test_async",
        "test_plain",
        "TestMethods::test_async",
        "TestMethods::test_plain",
        "test_async_parameter[1]",
        "test_async_parameter[2]",
        "test_plain_parameter[1]",
        "test_plain_parameter[2]",
    ]
    assert {each["results"]["reliability"]["requests"] for each in suite.benchmarks} == {4}
    assert all(each["results"]["reliability"]["errors"] == {} for each in suite.benchmarks)


@pytest.mark.parametrize(
    ("mode", "fixture"),
    [("strict", "pytest_asyncio.fixture"), ("auto", "pytest.fixture"), ("auto", "pytest_asyncio.fixture")],
)
def test_the_body_runs_in_the_event_loop_of_its_async_fixtures(suite: Suite, mode: str, fixture: str) -> None:
    """And they are closed there, after the last iteration."""
    suite.write(LOOPS.format(fixture=fixture))
    suite.measure("-o", f"asyncio_mode={mode}").assert_outcomes(passed=2)


def test_a_loop_may_belong_to_the_module(suite: Suite) -> None:
    """Two benchmarks and the fixture share it."""
    suite.write(MODULE_LOOP)
    suite.measure().assert_outcomes(passed=2)


def test_the_body_runs_warm_up_and_requests_times_with_fixtures_set_up_once(suite: Suite) -> None:
    """Fixtures are no part of what is measured."""
    suite.write(
        """
        import pytest

        counts = {"fixture": 0, "body": 0}

        @pytest.fixture
        def prompt():
            counts["fixture"] += 1
            return "hi"

        @pytest.mark.llm_latency(model="openai/gpt-4o-mini", requests=5, warmup=2)
        def test_chat(llm, prompt):
            counts["body"] += 1
            llm(prompt)

        def test_after():
            assert counts == {"fixture": 1, "body": 7}
        """
    )
    suite.measure().assert_outcomes(passed=2)


def test_a_fixture_may_wrap_the_one_of_this_plugin(suite: Suite) -> None:
    """It is called while the body runs, so that its calls are measured."""
    suite.write(
        """
        import pytest

        @pytest.fixture
        def ask(llm):
            async def ask(question):
                reply = await llm([{"role": "system", "content": "Be brief."}, {"role": "user", "content": question}])
                return reply.text
            return ask

        @pytest.mark.llm_latency(model="openai/gpt-4o-mini", requests=3)
        async def test_chat(ask):
            assert await ask("Why?")
        """
    )
    suite.measure().assert_outcomes(passed=1)


def test_no_warning_and_no_leak_shows_where_warnings_are_errors(suite: Suite) -> None:
    """Neither an unclosed loop or socket nor a coroutine that nobody awaited, nor what importing warns of."""
    suite.write(
        """
        import gc
        import threading

        import pytest

        measured = pytest.mark.llm_latency(model="openai/gpt-4o-mini", requests=6, warmup=1, concurrency=3)

        @measured
        def test_plain(llm):
            llm("hi")

        def test_after():
            gc.collect()
            assert [each.name for each in threading.enumerate() if each.name.startswith("llm-latency")] == []

        @measured
        async def test_async(llm):
            await llm("hi")

        test_at_the_end = test_after
        """
    )
    suite.ini("filterwarnings = error")
    result = suite.start("-W", "error", "--llm-latency", "--llm-latency-simulate")
    result.assert_outcomes(passed=4)
    assert "Warning" not in printed(result)


def test_requests_that_a_body_gives_up_count_and_fail_the_test(suite: Suite) -> None:
    """Exactly the slow ones would vanish, and the rest would look fast."""
    suite.profile({"kind": "stall", "every": 3, "after_chunks": 1})
    suite.write(
        """
        import asyncio
        import pytest

        @pytest.mark.llm_latency(model="openai/gpt-4o-mini", requests=9, warmup=0)
        async def test_chat(llm):
            try:
                await asyncio.wait_for(llm("hi"), 0.5)
            except TimeoutError:
                pass
        """
    )
    suite.measure().assert_outcomes(failed=1)
    (stored,) = suite.session.tests
    (run,) = suite.session.runs(stored)
    assert run.complete
    assert [sample.status for sample in run.samples].count("cancelled") == 3
    assert len(run.samples) == 9
    assert [each.endpoint for each in run.conditions] == ["simulator"]
