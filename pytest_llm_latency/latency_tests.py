"""From a test to its driver, and from its result to what pytest shows."""

import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from pytest_llm_latency.errors import LatencyError

if TYPE_CHECKING:
    from pytest_llm_latency.benchmark import Benchmark
    from pytest_llm_latency.model import Result
    from pytest_llm_latency.origin import Origin
    from pytest_llm_latency.session import Late


def header(origin: "Origin") -> str:
    """Say what is measured against what."""
    from pytest_llm_latency.storage import baselines  # noqa: PLC0415  (only the process that has a terminal)

    settings, folder = origin.settings, origin.shown(origin.settings["baselines"])
    against = "the embedded simulator" if settings["simulate"] else "providers"
    try:
        known = len(baselines.entries(settings["baselines"], settings.environment))
    except LatencyError:  # each test that needs them says what is wrong
        accepted = f"unreadable baselines in {folder}/"
    else:
        accepted = f"{known or 'no'} baseline{'' if known == 1 else 's'} in {folder}/"
    return f"llm latency: {against}, environment {settings.environment}, {accepted}"


def driver(benchmark: "Benchmark", function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a test function that runs another one under a load."""
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def drive(**arguments: object) -> None:
            async def body() -> None:
                with _outcomes():
                    await function(**arguments)

            with _leaving():
                await benchmark.run(body)

        return drive

    @functools.wraps(function)
    def drive_threads(**arguments: object) -> None:
        def body() -> None:
            with _outcomes():
                function(**arguments)

        with _leaving():
            benchmark.run_in_threads(body)

    return drive_threads


class _Leave(BaseException):
    """Carries ``pytest.exit`` out of a body, past every handler of errors; it is none."""

    def __init__(self, leave: Exception) -> None:
        self.leave = leave


@contextmanager
def _outcomes() -> Iterator[None]:
    """Let ``pytest.fail`` in a body be a failed iteration, like an assertion, and ``pytest.exit`` end the run."""
    try:
        yield
    except pytest.fail.Exception as failure:
        raise AssertionError(str(failure)) from failure
    except pytest.exit.Exception as leave:
        raise _Leave(leave) from None


@contextmanager
def _leaving() -> Iterator[None]:
    """End the session as ``pytest.exit`` does anywhere else."""
    try:
        yield
    except _Leave as carried:
        raise carried.leave from None


@contextmanager
def as_failures() -> Iterator[None]:
    """Turn what a user can mend into a failure of the test with one message and no traceback."""
    try:
        yield
    except LatencyError as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None


def tell(item: pytest.Function, result: "Result") -> None:
    """Let a test's report say what its result is; the test fails where that does."""
    from pytest_llm_latency.report.ci.junit import properties  # noqa: PLC0415  (only where something was measured)
    from pytest_llm_latency.report.terminal import failure_message, section  # noqa: PLC0415  (the same)

    item.add_report_section("call", "llm latency", section(result))
    item.user_properties.extend(properties(result))
    if result.fails:
        pytest.fail(failure_message(result), pytrace=False)


def turn_red(reports: list[pytest.TestReport], late: "Late", result: "Result") -> None:
    """Make the held reports of a test those of a failed one, with the verdict that it has in the end."""
    from pytest_llm_latency.report.ci.junit import properties  # noqa: PLC0415  (only where something was measured)

    for report in reports:
        known = [each for each in report.user_properties if not each[0].startswith("llm_latency_")]
        report.user_properties = [*known, *properties(result)]
        if report.when == "call":
            report.outcome = "failed"
            report.longrepr = late.message


def late_report(late: "Late") -> pytest.TestReport:
    """Return a failed report for a test whose own report has passed."""
    return pytest.TestReport(
        nodeid=late.test_id,
        location=(late.test_id.partition("::")[0], None, late.test_id.partition("::")[2]),
        keywords={},
        outcome="failed",
        longrepr=late.message,
        when="call",
    )


def is_narrowed(config: pytest.Config) -> bool:
    """Whether the user asked for a part of the suite, so that an absent test says nothing."""
    names = ("keyword", "markexpr", "lf", "deselect", "ignore", "ignore_glob")
    chosen: Sequence[object] = [config.getoption(name, None) for name in names]
    elsewhere = config.invocation_params.dir != config.rootpath
    return any(chosen) or elsewhere or config.args_source is pytest.Config.ArgsSource.ARGS
