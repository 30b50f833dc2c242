"""Without ``--llm-latency`` nothing is measured, imported or written; with it the header says what is."""

import os
import subprocess
import sys

import pytest

from suites import MEASURED, SIMULATE, SWITCH, Suite, printed

TWO = """
import pytest

@pytest.mark.llm_latency(model="openai/gpt-4o-mini", requests=20)
async def test_async(llm):
    await llm("hi")

class TestPlain:
    @pytest.mark.llm_latency(model="openai/gpt-4o-mini", requests=20)
    def test_plain(self, llm):
        llm("hi")

def test_other():
    pass
"""

IMPORTED = """
import sys
import pytest
status = pytest.main(["-p", "no:cacheprovider", "-p", "no:hypothesispytest", *sys.argv[1:]])
print("STATUS", int(status))
print("IMPORTED", *sorted({name.partition(".")[0] for name in sys.modules}))
"""
HEAVY = {"aiohttp", "httpx", "jinja2", "litellm", "numpy", "openai", "pandas", "pyarrow", "scipy", "yaml"}


def test_marked_tests_are_skipped_with_one_reason(suite: Suite) -> None:
    """Coroutines, methods and functions alike; other tests run."""
    suite.write(TWO)
    result = suite.run("-rs")
    result.assert_outcomes(skipped=2, passed=1)
    skipped = [line for line in result.outlines if line.startswith("SKIPPED")]
    assert len(skipped) == 2
    assert all(line.endswith("latency tests need --llm-latency") for line in skipped)
    assert "llm latency" not in printed(result)
    assert not (suite.path / ".llm-latency").exists()


@pytest.mark.parametrize(
    "arguments", [(), ("--collect-only",), ("--collect-only", SWITCH), ("--collect-only", SWITCH, SIMULATE)]
)
def test_skipping_and_collecting_need_no_key_and_import_nothing_heavy(suite: Suite, arguments: tuple[str, ...]) -> None:
    """The modules of a process of its own tell."""
    suite.write(TWO)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("COV")}
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED, *arguments],
        cwd=suite.path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "STATUS 0" in done.stdout, done.stdout + done.stderr
    assert "test_async" in done.stdout or not arguments
    assert HEAVY & set(done.stdout.partition("IMPORTED")[2].split()) == set()
    assert not (suite.path / ".llm-latency").exists()


def test_the_plugin_can_be_switched_off(suite: Suite) -> None:
    """Its option is then as unknown as without it, and other tests run."""
    suite.write("def test_other():\n    pass\n")
    suite.run("-p", "no:llm_latency").assert_outcomes(passed=1)
    result = suite.run("-p", "no:llm_latency", SWITCH)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "unrecognized arguments: --llm-latency" in printed(result)


def test_the_marker_is_registered_and_explained(suite: Suite) -> None:
    """Strict markers take it, and ``--markers`` shows its arguments."""
    suite.write(TWO)
    suite.run("--strict-markers").assert_outcomes(skipped=2, passed=1)
    suite.run("--markers").stdout.fnmatch_lines(["@pytest.mark.llm_latency(model, requests, *, ab): measure the*"])


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ((SWITCH,), "llm latency: providers, environment default, no baselines in baselines/"),
        (
            (SWITCH, "--llm-latency-environment=ci"),
            "llm latency: providers, environment ci, no baselines in baselines/",
        ),
        (MEASURED, "llm latency: the embedded simulator, environment simulator, no baselines in baselines/"),
    ],
)
def test_the_header_says_what_is_measured_against_what(suite: Suite, arguments: tuple[str, ...], line: str) -> None:
    """The kind of endpoint, the environment's label and the baselines that there are."""
    suite.write()
    result = suite.run(*arguments, "--collect-only")
    assert line in result.outlines


def test_other_tests_of_the_same_run_are_left_alone(suite: Suite) -> None:
    """Only the marked one is measured and reported."""
    suite.write(
        """
        import pytest

        calls = []

        def test_other():
            calls.append(1)
            assert len(calls) == 1

        @pytest.mark.asyncio
        async def test_coroutine():
            calls.append(1)
            assert len(calls) == 2

        @pytest.mark.llm_latency(model="openai/gpt-4o-mini", requests=3)
        def test_measured(llm):
            llm("hi")
        """
    )
    suite.measure().assert_outcomes(passed=3)
    assert list(suite.verdicts) == ["test_measured"]


def test_a_suite_without_latency_tests_has_no_section(suite: Suite) -> None:
    """There is nothing to say."""
    suite.write("def test_other():\n    pass\n")
    result = suite.measure()
    result.assert_outcomes(passed=1)
    assert "= llm latency =" not in printed(result)


@pytest.mark.parametrize("switch", [(), MEASURED])
def test_names_that_unwrap_for_ever_do_not_disturb_collecting(suite: Suite, switch: tuple[str, ...]) -> None:
    """``mock.call`` answers to every attribute, ``__wrapped__`` among them."""
    suite.write("from unittest.mock import call\n\ndef test_other():\n    pass\n")
    suite.run(*switch).assert_outcomes(passed=1)
