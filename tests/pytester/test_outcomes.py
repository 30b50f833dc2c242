"""Bodies that fail, skip or stop, and what pytest's own options and reports make of latency tests."""

from xml.etree import ElementTree as ET

import pytest

from suites import MEASURED, Suite, printed

# Every fourth of twelve measured iterations fails; the warm-up's one does not count.
FAILING = """
import itertools
import pytest

numbers = itertools.count()

@pytest.mark.llm_latency(model="openai/gpt-4o-mini", requests=12, warmup=1)
{kind}def test_chat(llm):
    number = next(numbers)
    reply = {wait}llm("hi")
    if number % 4 == 0:
        {failing}
"""
SLOW_LIMIT = """
import pytest

pytestmark = pytest.mark.llm_latency(model="openai/gpt-4o-mini", requests=3, warmup=1)

def test_one(llm):
    llm("hi")

@pytest.mark.llm_latency(limits=["ttft.max < 1ms"])
def test_two(llm):
    llm("hi")

def test_three(llm):
    llm("hi")
"""


@pytest.mark.parametrize(("kind", "wait"), [("async ", "await "), ("", "")])
@pytest.mark.parametrize(
    ("failing", "error"),
    [
        ("assert reply.text == ''", ("AssertionError", "assert ")),
        ("pytest.fail('too polite')", ("AssertionError", "too polite")),
        ("raise ValueError('no such day')", ("ValueError", "no such day")),
    ],
)
def test_what_a_body_raises_after_its_call_is_an_error_with_its_message(
    suite: Suite, kind: str, wait: str, failing: str, error: tuple[str, str]
) -> None:
    """It drops no request; the test fails over the error limit and passes under it."""
    suite.write(FAILING.format(kind=kind, wait=wait, failing=failing))
    result = suite.measure()
    result.assert_outcomes(failed=1)
    error_class, message = error
    (benchmark,) = suite.benchmarks
    assert benchmark["results"]["reliability"]["requests"] == 12
    assert benchmark["results"]["reliability"]["errors"] == {error_class: 3}
    text = " ".join(printed(result).split())
    assert "3 of 12 requests failed (25 %), above the error limit of 1 %" in text
    assert f"3 times {error_class}: {message}" in text
    suite.measure("--llm-latency-error-limit=30%").assert_outcomes(passed=1)


@pytest.mark.parametrize(("kind", "wait"), [("async ", "await "), ("", "")])
def test_a_body_may_skip_its_test(suite: Suite, kind: str, wait: str) -> None:
    """At once or in a later iteration: nothing is stored and nothing is missing."""
    suite.write(FAILING.format(kind=kind, wait=wait, failing="pytest.skip('not here')"))
    result = suite.measure("-rs")
    result.assert_outcomes(skipped=1)
    assert "not here" in printed(result)
    assert not suite.reported


@pytest.mark.parametrize(("kind", "wait"), [("async ", "await "), ("", "")])
def test_a_body_may_end_the_session(suite: Suite, kind: str, wait: str) -> None:
    """``pytest.exit`` is no failed iteration: the run and the session end at once, with its message."""
    suite.write(FAILING.format(kind=kind, wait=wait, failing="pytest.exit('enough', returncode=7)"))
    suite.write("def test_no_turn():\n    pass\n", name="test_then")
    result = suite.measure("-p", "no:randomly")
    assert result.ret == 7
    assert "Exit: enough" in printed(result)
    result.assert_outcomes()
    assert not suite.reported


def test_a_body_may_expect_its_failure(suite: Suite) -> None:
    """``xfail`` works as ever; the verdict stands in the report."""
    suite.write(
        """
        import pytest

        @pytest.mark.xfail(reason="known")
        @pytest.mark.llm_latency(model="openai/gpt-4o-mini", requests=3, limits=["ttft.max < 1ms"])
        def test_known(llm):
            llm("hi")

        @pytest.mark.xfail(strict=True)
        @pytest.mark.llm_latency(model="openai/gpt-4o-mini", requests=3)
        def test_better_than_expected(llm):
            llm("hi")
        """
    )
    suite.measure().assert_outcomes(xfailed=1, failed=1)
    assert suite.verdicts == {"test_known": "regressed", "test_better_than_expected": "no_baseline"}


@pytest.mark.parametrize("option", ["-x", "--maxfail=1"])
def test_stopping_at_the_first_failure_keeps_what_was_measured(suite: Suite, option: str) -> None:
    """The reports are written; the tests that had no turn are not called lost."""
    suite.write(SLOW_LIMIT)
    result = suite.measure(option)
    result.assert_outcomes(passed=1, failed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert suite.verdicts == {"test_one": "no_baseline", "test_two": "regressed"}
    assert "was lost" not in printed(result)
    assert (suite.path / ".llm-latency" / "report" / "index.html").exists()


def test_stopping_early_accepts_nothing(suite: Suite) -> None:
    """Half a suite is no baseline."""
    suite.write(SLOW_LIMIT)
    result = suite.measure("-x", "--llm-latency-accept")
    result.assert_outcomes(passed=1, failed=1)
    assert suite.accepted == {}
    assert "the session stopped early, so that nothing was accepted" in " ".join(printed(result).split())


def test_leaving_from_within_a_test_keeps_what_was_measured(suite: Suite) -> None:
    """``pytest.exit`` is an interruption, which accepts nothing."""
    suite.write(name="test_first")
    suite.write("import pytest\n\ndef test_end():\n    pytest.exit('enough')\n", name="test_second")
    result = suite.measure("--llm-latency-accept")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert suite.verdicts == {"test_chat": "no_baseline"}
    assert suite.document["metadata"]["interrupted"]
    assert suite.accepted == {}


@pytest.mark.parametrize(("kind", "wait"), [("async ", "await "), ("", "")])
def test_leaving_from_within_a_body_ends_the_session(suite: Suite, kind: str, wait: str) -> None:
    """It is no failed iteration, as it is none of the provider's."""
    suite.write(FAILING.format(kind=kind, wait=wait, failing="pytest.exit('enough')"))
    suite.write("def test_other():\n    pass\n", name="test_zone")
    result = suite.measure("--llm-latency-accept")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert "enough" in printed(result)
    assert "test_zone" not in printed(result)
    assert suite.accepted == {}


def test_the_last_failed_tests_alone_can_be_measured_again(suite: Suite) -> None:
    """``--lf`` selects, and the manifest knows that it did."""
    suite.write(SLOW_LIMIT)
    suite.measure().assert_outcomes(passed=2, failed=1)
    manifest = suite.session.manifest
    assert manifest is not None
    assert not manifest.narrowed
    suite.measure("--lf").assert_outcomes(failed=1)
    assert list(suite.verdicts) == ["test_two"]
    manifest = suite.session.manifest
    assert manifest is not None
    assert manifest.narrowed
    assert manifest.expected == ("test_suite.py::test_two",)


@pytest.mark.parametrize(
    "selection", [("-k", "one"), ("test_suite.py::test_one",), ("--deselect", "test_suite.py::test_two")]
)
def test_a_selection_is_measured_alone(suite: Suite, selection: tuple[str, ...]) -> None:
    """What was not selected is not missing."""
    suite.write(SLOW_LIMIT)
    assert suite.measure(*selection).ret == pytest.ExitCode.OK
    assert "test_two" not in suite.verdicts
    manifest = suite.session.manifest
    assert manifest is not None
    assert manifest.narrowed
    assert suite.document["summary"]["missing"] == []


def test_a_junit_file_carries_the_verdicts_as_properties(suite: Suite) -> None:
    """Strings and numbers that CI servers show; the failure's message is the test's."""
    suite.write(SLOW_LIMIT)
    suite.measure("--llm-latency-accept")
    suite.measure("--junitxml=junit.xml").assert_outcomes(passed=2, failed=1)
    root = ET.parse(suite.path / "junit.xml").getroot()
    cases = {case.attrib["name"]: case for case in root.iter("testcase")}
    assert sorted(cases) == ["test_one", "test_three", "test_two"]
    properties = {each.attrib["name"]: each.attrib["value"] for each in cases["test_two"].iter("property")}
    assert properties["llm_latency_verdict"] == "regressed"
    assert properties["llm_latency_run"] == suite.benchmarks[1]["metadata"]["run_id"]
    assert float(properties["llm_latency_ttft_p95"]) > 0.03
    (failure,) = cases["test_two"].iter("failure")
    assert failure.attrib["message"].startswith("Failed: regressed: ttft max is")
    assert len(list(cases["test_one"].iter("failure"))) == 0


def test_the_failure_is_the_sentence_that_matters_and_no_traceback(suite: Suite) -> None:
    """In the failure, in the short summary, and with the figures as a report section."""
    suite.write(SLOW_LIMIT)
    result = suite.measure("-rA")
    text = printed(result)
    assert "FAILED test_suite.py::test_two - Failed: regressed: ttft max is" in text
    assert text.count("- Captured llm latency call -") == 3
    assert "Traceback" not in text
    assert "active.py" not in text


def test_quiet_and_verbose_mean_what_they_mean_in_pytest(suite: Suite) -> None:
    """Quiet tells what failed, verbose also what passed."""
    suite.write(SLOW_LIMIT)
    quiet, usual, verbose = (printed(suite.measure(*each)) for each in (("-q",), (), ("-v",)))
    for text in (quiet, usual, verbose):
        assert "regressed: test_suite.py::test_two" in text
    assert "index.html" not in quiet
    assert "index.html" in usual
    assert "no baseline: 2 benchmarks" in usual
    assert "no baseline: test_suite.py::test_one" in verbose


def test_errors_while_collecting_leave_the_last_report_alone(suite: Suite) -> None:
    """Nothing was measured, so there is nothing to write."""
    suite.write(SLOW_LIMIT)
    suite.measure("-k", "one")
    before = suite.document
    suite.pytester.makepyfile(test_broken="import nowhere\n")
    result = suite.run(*MEASURED)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert suite.document == before


def test_a_fixture_that_fails_is_an_error_of_its_test_and_not_lost_data(suite: Suite) -> None:
    """The body has no turn; the others are measured."""
    suite.write(
        SLOW_LIMIT
        + """
@pytest.fixture
def broken():
    raise OSError("no database")

def test_four(llm, broken):
    llm("hi")

@pytest.fixture
def broken_later():
    yield
    raise OSError("no database")

def test_five(llm, broken_later):
    llm("hi")
"""
    )
    result = suite.measure("-k", "one or four or five")
    result.assert_outcomes(passed=2, errors=2, deselected=2)
    assert "was lost" not in printed(result)
    assert list(suite.verdicts) == ["test_one", "test_five"]
