"""What all tests share: pytest's own fixture of test runs, and tests that need Debian packages."""

import gc
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import warm
import warm_process

pytest_plugins = ["pytester"]
HERE = Path(__file__).parent
_ADDRESS = pytest.StashKey[str]()

# Where the tests run themselves: what they measure must not show up there.
for _variable in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT", "GITLAB_CI", "JENKINS_URL"):
    os.environ.pop(_variable, None)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose commands or files are not installed; fail it where ``CI`` is true."""
    for marker in item.iter_markers("needs"):
        missing = [each for each in marker.args if shutil.which(each) is None and not (HERE / each).is_file()]
        if not missing:
            continue
        reason = f"{item.name} needs {', '.join(missing)}: install what lacks with `make test-deps`"
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)


@pytest.fixture(scope="module", autouse=True)
def _settled() -> None:
    """Keep what is imported by now out of collections: they take a third of a second over it, and tests ask for many.

    What a test leaves behind is younger, so that a collection still finds it.
    """
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell each worker of the process that forks: one is enough for all, and imports while they collect."""
    config = node.config
    if _ADDRESS not in config.stash:
        forking = warm_process.running()
        config.stash[_ADDRESS] = forking.__enter__()
        config.add_cleanup(lambda: forking.__exit__(None, None, None))
    node.workerinput["warm_address"] = config.stash[_ADDRESS]


@pytest.fixture(scope="session", name="warm_address")
def address_of_the_process_that_forks(pytestconfig: pytest.Config) -> Iterator[str]:
    """Yield where to ask for processes that need not import what is slow."""
    if hasattr(pytestconfig, "workerinput"):
        yield pytestconfig.workerinput["warm_address"]
        return
    with warm_process.running() as address:
        yield address


@pytest.fixture(scope="session")
def programs(warm_address: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with pytest, llm-latency and python that run in such processes."""
    folder = tmp_path_factory.mktemp("programs")
    warm.write_programs(folder, warm_address)
    return folder


@pytest.fixture(name="warm")
def _workers_start_at_once(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let xdist start its workers as processes that have imported what is slow."""
    monkeypatch.setattr(sys, "executable", str(programs / "python"))
