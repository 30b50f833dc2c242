"""What all tests share: pytest's own fixture of test runs, and tests that need Debian packages."""

import os
import shutil

import pytest

pytest_plugins = ["pytester"]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose commands are not installed; fail it where ``CI`` is true."""
    for marker in item.iter_markers("needs"):
        missing = [command for command in marker.args if shutil.which(command) is None]
        if not missing:
            continue
        reason = f"{item.name} needs {', '.join(missing)}: install what lacks with `make test-deps`"
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
