"""What a test's author can get wrong beside the marker: one clear message each."""

import pytest

from suites import MODEL, Suite, printed

MARKED = f'@pytest.mark.llm_latency(model="{MODEL}", requests=6, warmup=1, concurrency=2)'
OTHER = f"""
{MARKED}
def test_other(llm):
    llm("hi")
"""


@pytest.mark.parametrize(
    "fixture",
    [
        "@pytest.fixture\ndef llm():\n    return print\n",
        "@pytest.fixture\nasync def llm():\n    yield print\n",
        "@pytest.fixture(name='llm')\ndef own():\n    return print\n",
    ],
)
def test_a_fixture_that_shadows_ours_is_named_with_its_file(suite: Suite, fixture: str) -> None:
    """Before anything is measured, with its line."""
    suite.pytester.makeconftest(f"import pytest\n\n{fixture}")
    suite.write(f"import pytest\n{OTHER}")
    result = suite.measure("-o", "asyncio_mode=auto")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    place = suite.path / "conftest.py"
    assert f"test_other: a fixture named llm in {place}:3 shadows the one of this plugin: rename it." in printed(result)


def test_a_fixture_of_that_name_is_free_to_tests_without_the_marker(suite: Suite) -> None:
    """The name is common; only marked tests need ours."""
    suite.write(
        """
        import pytest

        @pytest.fixture
        def llm():
            return "mine"

        def test_own(llm):
            assert llm == "mine"
        """
    )
    suite.run().assert_outcomes(passed=1)
    suite.measure().assert_outcomes(passed=1)


@pytest.mark.parametrize("kind", ["async ", ""])
def test_a_body_that_never_calls_llm_has_nothing_to_measure(suite: Suite, kind: str) -> None:
    """It says what to call; the next test is measured."""
    suite.write(f"import pytest\n\n{MARKED}\n{kind}def test_silent(llm):\n    pass\n{OTHER}")
    result = suite.measure()
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["the test body ended without calling llm(...), so there is nothing to measure*"])
    assert "Traceback" not in printed(result)
    assert list(suite.verdicts) == ["test_other"]


@pytest.mark.parametrize("kind", ["async ", ""])
def test_a_body_that_raises_at_once_shows_its_own_traceback(suite: Suite, kind: str) -> None:
    """It is no measuring that fails but the code: after one execution, with the line, and nothing is stored."""
    suite.write(
        f"""
import pytest

runs = []

{MARKED}
{kind}def test_broken(llm):
    runs.append(1)
    settings = {{}}
    llm(settings["prompt"])

def test_after():
    assert 1 <= len(runs) <= 2
{OTHER}"""
    )
    result = suite.measure()
    result.assert_outcomes(failed=1, passed=2)
    text = printed(result)
    assert '>       llm(settings["prompt"])' in text
    assert "E       KeyError: 'prompt'" in text
    assert "test_suite.py:9: KeyError" in text
    assert "latency_tests.py" not in text
    assert list(suite.verdicts) == ["test_other"]


@pytest.mark.parametrize("switch", [True, False])
def test_llm_without_the_marker_says_which_marker(suite: Suite, *, switch: bool) -> None:
    """With the switch and without."""
    suite.write("def test_forgotten(llm):\n    llm('hi')\n")
    result = suite.measure() if switch else suite.run()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([
        "*test_forgotten uses the fixture llm without the marker: add @pytest.mark.llm_latency(*"
    ])
    assert "plugin.py" not in printed(result)


@pytest.mark.parametrize(
    ("kind", "decorator", "wait"), [("async ", "pytest_asyncio.fixture", "await "), ("", "pytest.fixture", "")]
)
@pytest.mark.parametrize("after", [True, False])
def test_llm_called_in_a_fixture_says_where_it_belongs(
    suite: Suite, kind: str, decorator: str, wait: str, *, after: bool
) -> None:
    """Before the body and after it, where nothing is measured."""
    call = f"{wait}llm('hi')"
    suite.write(
        f"""
import pytest
import pytest_asyncio

@{decorator}
{kind}def greeting(llm):
    {"" if after else call}
    yield "hi"
    {call if after else ""}

{MARKED}
{kind}def test_chat(llm, greeting):
    {wait}llm(greeting)
"""
    )
    result = suite.measure()
    result.assert_outcomes(passed=int(after), errors=1)
    message = "llm(...) was called while nothing is measured: call it in the body of the test only."
    assert message in printed(result)


def test_a_call_that_nobody_waits_for_leaves_no_trace_of_itself(suite: Suite) -> None:
    """It is cut off with its loop: neither a warning nor a hanging run, and the awaited calls are measured."""
    suite.profile(ttft="300ms")
    suite.write(
        f"""
import asyncio
import pytest

tasks = []

{MARKED}
async def test_chat(llm):
    tasks.append(asyncio.create_task(llm("and forget it", name="forgotten")))
    await llm("hi", timeout=5)
"""
    )
    suite.ini("filterwarnings = error")
    result = suite.measure()
    assert "Warning" not in printed(result)
    assert "never retrieved" not in printed(result)
    measured = {each["metadata"]["step"]: each["results"]["reliability"]["requests"] for each in suite.benchmarks}
    assert measured[None] == 6
