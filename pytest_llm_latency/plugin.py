"""pytest's hooks and nothing else. Loading this module imports only what is light.

Without ``--llm-latency`` marked tests are skipped and nothing else happens. With it, the body of a
marked test is replaced, for the time of its call, by a driver that runs it under its load; what was
measured travels on the test's report, and the process without ``workerinput`` collects it.
"""

import inspect
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_llm_latency import options
from pytest_llm_latency.errors import LatencyError

if TYPE_CHECKING:
    from pytest_llm_latency.active import Active

MARKER = "llm_latency"
SCENARIOS, CHANGES = "llm_latency_scenarios", "llm_latency_changes"
_SCENARIO_FILES = frozenset({".json", ".yaml", ".yml"})
_HELP = (
    "llm_latency(model, requests, adaptive, warmup, concurrency, load, ramp_in, prompts, nonce, timeout, "
    "http_version, requests_per_minute, tokens_per_minute, max_concurrency, budget, limits, gate, tolerance, "
    "version, ab): "
    "measure the LLM calls of this test and compare them with its baseline; "
    "runs with --llm-latency, is skipped without it."
)
SKIP_REASON = "latency tests need --llm-latency"
_ACTIVE: "pytest.StashKey[Active]" = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add a flag and an ini key for each row of the table of options."""
    group = parser.getgroup("llm-latency", "latency of LLM calls")
    group.addoption(
        "--llm-latency", action="store_true", default=False, help="measure the tests that are marked with llm_latency"
    )
    for option in options.OPTIONS:
        if option.metavar is None:
            group.addoption(option.flag, dest=option.ini, action="store_true", default=None, help=option.help)
        else:
            group.addoption(option.flag, dest=option.ini, metavar=option.metavar, default=None, help=option.help)
        parser.addini(option.ini, option.help.replace("%%", "%"), default=None)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker and, with the switch, resolve the settings."""
    config.addinivalue_line("markers", _HELP)
    config.addinivalue_line("markers", f"{SCENARIOS}(path, profile, datasets): what @scenarios(...) puts on a test.")
    config.addinivalue_line("markers", f"{CHANGES}(path): what @changes(...) puts on a test.")
    if config.getoption("--llm-latency"):
        from pytest_llm_latency import preparing  # noqa: PLC0415  (only with the switch)
        from pytest_llm_latency.active import Active  # noqa: PLC0415  (the same)

        with _usage_errors():
            config.stash[_ACTIVE] = Active(config, preparing.settings(config))
            config.pluginmanager.register(config.stash[_ACTIVE], "llm_latency_active")


@contextmanager
def _usage_errors() -> Iterator[None]:
    """Turn what a user wrote wrongly into pytest's own usage error: one message, exit code 4."""
    try:
        yield
    except LatencyError as error:
        raise pytest.UsageError(f"llm-latency: {error}") from None


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> Generator[None, Any, Any]:
    """Collect a file of scenarios that the command line names; every other file is somebody else's.

    One that nobody else takes is looked at too where latency is measured: what is wrong with it is then said.
    """
    collected = yield
    if file_path.suffix.lower() not in _SCENARIO_FILES or not parent.session.isinitpath(file_path):
        return collected
    from pytest_llm_latency.testbench import collecting, reader  # noqa: PLC0415  (only for such a file)

    active = parent.config.stash.get(_ACTIVE, None)
    if reader.looks_like_one(file_path) or (active is not None and not collected):
        module: collecting.ScenarioFile = collecting.ScenarioFile.from_parent(parent, path=file_path)
        module.checks = active is not None and active.settings["expected"]
        return [*collected, module]
    return collected


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test with ``@scenarios`` once for each of them, and one with ``@changes`` before and after them."""
    if any(map(metafunc.definition.get_closest_marker, (SCENARIOS, CHANGES))):
        from pytest_llm_latency.testbench import collecting  # noqa: PLC0415  (only for such a test)

        collecting.parametrize(metafunc)


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_pycollect_makeitem() -> Generator[None, Any, Any]:
    """Mark async latency tests for pytest-asyncio, inside of its own wrapper."""
    collected = yield
    for item in collected if isinstance(collected, list) else ():
        if (
            isinstance(item, pytest.Function)
            and inspect.iscoroutinefunction(item.obj)
            and item.get_closest_marker(MARKER)
            and not item.get_closest_marker("asyncio")
        ):
            item.add_marker("asyncio")
    return collected


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip latency tests where the switch is missing."""
    if _ACTIVE not in config.stash:
        for item in items:
            if item.get_closest_marker(MARKER):
                item.add_marker(pytest.mark.skip(reason=SKIP_REASON))


@pytest.fixture
def llm(request: pytest.FixtureRequest) -> Any:  # noqa: ANN401  (one of two callers, for async and for plain tests)
    """What the body of a latency test calls to send a request; awaited in async tests."""
    if request.node.get_closest_marker(MARKER) is None:
        pytest.fail(
            f"{request.node.nodeid} uses the fixture llm without the marker: "
            "add @pytest.mark.llm_latency(model='openai/gpt-4o-mini').",
            pytrace=False,
        )
    return request.config.stash[_ACTIVE].caller(request.node)


@pytest.fixture(scope="session")
def llm_simulator() -> Iterator[Any]:
    """A simulator of LLM providers in a process of its own, for tests of people's own code."""
    from pytest_llm_latency.simulator.process import SimulatorProcess  # noqa: PLC0415  (only where it is used)

    with SimulatorProcess() as simulator:
        yield simulator
