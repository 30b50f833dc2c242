"""From a result to what pytest shows, and from a test function to one that measures it."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable

import pytest

import nouns
from pytest_llm_latency import latency_tests
from pytest_llm_latency.session import Late


class Recorded:
    """Stands in for a benchmark: runs the body once and keeps what it raised."""

    def __init__(self) -> None:
        self.raised: BaseException | None = None
        self.ran: list[str] = []

    async def run(self, body: Callable[[], Awaitable[object]]) -> None:
        """Run an async body."""
        self.ran.append("coroutine")
        try:
            await body()
        except BaseException as error:
            self.raised = error
            raise

    def run_in_threads(self, body: Callable[[], object]) -> None:
        """Run a plain body."""
        self.ran.append("function")
        try:
            body()
        except BaseException as error:
            self.raised = error
            raise


def driven(function: Callable[..., object], **arguments: object) -> Recorded:
    """Drive a test function once."""
    benchmark = Recorded()
    drive = latency_tests.driver(benchmark, function)  # type: ignore[arg-type]
    assert inspect.iscoroutinefunction(drive) == inspect.iscoroutinefunction(function)
    if inspect.iscoroutinefunction(drive):
        asyncio.run(drive(**arguments))
    else:
        drive(**arguments)
    return benchmark


def test_coroutines_and_functions_are_driven_each_their_way_with_their_fixtures() -> None:
    """The driver looks like what it drives, so that pytest and its plugins treat it alike."""
    seen = []

    async def test_async(llm: str, prompt: str) -> None:
        """Ask."""
        seen.append((llm, prompt))

    def test_plain(llm: str, prompt: str) -> None:
        """Ask."""
        seen.append((prompt, llm))

    assert driven(test_async, llm="llm", prompt="hi").ran == ["coroutine"]
    assert driven(test_plain, llm="llm", prompt="hi").ran == ["function"]
    assert seen == [("llm", "hi"), ("hi", "llm")]
    drive = latency_tests.driver(Recorded(), test_plain)  # type: ignore[arg-type]
    assert (drive.__name__, drive.__doc__) == ("test_plain", "Ask.")


def test_pytest_fail_in_a_body_is_an_assertion_that_failed() -> None:
    """One iteration fails, not the benchmark."""

    def plain() -> None:
        pytest.fail("too polite")

    benchmark = Recorded()
    with pytest.raises(AssertionError, match="too polite"):
        latency_tests.driver(benchmark, plain)()  # type: ignore[arg-type]
    assert type(benchmark.raised) is AssertionError


def test_pytest_skip_and_exit_in_a_body_are_what_they_are_anywhere() -> None:
    """They pass the counting of errors."""

    async def skipping() -> None:
        pytest.skip("not here")

    async def exiting() -> None:
        pytest.exit("enough")

    with pytest.raises(pytest.skip.Exception, match="not here"):
        driven(skipping)
    benchmark = Recorded()
    with pytest.raises(pytest.exit.Exception, match="enough"):
        asyncio.run(latency_tests.driver(benchmark, exiting)())  # type: ignore[arg-type]
    assert not isinstance(benchmark.raised, Exception)


def test_a_late_report_is_a_failure_of_its_test() -> None:
    """With the message as it is, without a traceback."""
    report = latency_tests.late_report(Late(test_id="tests/test_a.py::test_b", message="lost"))
    assert (report.outcome, report.when, report.longreprtext) == ("failed", "call", "lost")
    assert report.nodeid == "tests/test_a.py::test_b"


def test_held_reports_turn_red_as_one_test() -> None:
    """The call failed with the last verdict's message and properties; what users recorded stays."""
    reports = [
        pytest.TestReport(
            nodeid="t::a",
            location=("t", 1, "a"),
            keywords={},
            outcome="passed",
            longrepr=None,
            when=when,
            user_properties=[("mine", 1), ("llm_latency_verdict", "pass")],
        )
        for when in ("setup", "call", "teardown")
    ]
    latency_tests.turn_red(reports, Late(test_id="t::a", message="regressed: ..."), nouns.result("regressed"))
    assert [report.outcome for report in reports] == ["passed", "failed", "passed"]
    assert reports[1].longreprtext == "regressed: ..."
    for report in reports:
        assert dict(report.user_properties)["mine"] == 1
        assert dict(report.user_properties)["llm_latency_verdict"] == "regressed"
