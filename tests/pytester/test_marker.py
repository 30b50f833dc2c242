"""The marker in real suites: merged from module, class and function, and refused as a whole where it is wrong."""

import pytest

from suites import SWITCH, Suite, printed

WRONG = {
    "model='openai/gpt-4o-mini', request=20": "llm_latency has no argument 'request': did you mean 'requests'?",
    "model='openai/gpt-4o-mini', colour=1": "llm_latency has no argument 'colour': known are model, requests,",
    "'openai/gpt-4o-mini'": "takes named arguments only: write llm_latency(model='openai/gpt-4o-mini').",
    "model=''": "model is '': it must be a text that is not empty.",
    "requests=0": "requests is 0: it must be a whole number of at least 1.",
    "requests=2.5": "requests is 2.5: it must be a whole number of at least 1.",
    "warmup=-1": "warmup is -1: it must be a whole number of at least 0.",
    "concurrency=0": "concurrency is 0: it must be a whole number of at least 1.",
    "requests=4, concurrency=5": "concurrency 5 is above requests 4: raise requests or lower concurrency.",
    "load='-3/s'": "the rate is '-3/s': it must be a number above 0, as in load='20/s'.",
    "load='0/s'": "the rate is '0/s': it must be a number above 0, as in load='20/s'.",
    "load='fast'": "load='fast' is not a load: write one of 'closed'",
    "load=20": "load=20 is not a load: write 'closed', a rate such as '20/s', or constant(20).",
    "load='20/s', concurrency=2": "concurrency=2 does not go with the load 'constant, 20/s'",
    "timeout='soon'": "timeout: 'soon' is not a duration",
    "timeout=0": "timeout is 0: it must be a number above 0.",
    "limits=['ttft < 1s']": "the limit 'ttft < 1s' lacks a statistic: write ttft.p95",
    "limits=['tft.p95 < 1s']": "the limit 'tft.p95 < 1s' names 'tft': did you mean 'ttft'?",
    "limits=['ttft.p59 < 1s']": "names the statistic 'p59': did you mean 'p50'?",
    "limits=['ttft.p95 < 1']": "the limit 'ttft.p95 < 1': '1' is not a duration",
    "limits='ttft is fast'": "the limit 'ttft is fast' cannot be read",
    "limits=[1]": "limits is [1]: it must be a text or a list of texts.",
    "gate=['ttfb']": "gate names the metric 'ttfb': did you mean 'ttft'?",
    "tolerance='lots'": "tolerance: 'lots' is not a share",
    "tolerance=-0.1": "tolerance is -0.1: it must be a number above 0.",
    "version=2": "version is 2: it must be a text that is not empty.",
}
TAKES_A_PROMPT = """
@pytest.mark.parametrize("prompt", ["a"])
@pytest.mark.llm_latency(model="openai/gpt-4o-mini", requests=3, prompts=["hi"])
def test_prompted(llm, prompt):
    llm(prompt)

@pytest.mark.llm_latency(model="openai/gpt-4o-mini", requests=3, prompts=["hi"])
def test_unprompted(llm, prompt):
    llm(prompt)
"""


def test_all_wrong_markers_of_a_suite_are_one_usage_error(suite: Suite) -> None:
    """Nothing is measured, not even the test whose marker is right."""
    tests = [
        f"@pytest.mark.llm_latency({arguments})\ndef test_wrong_{number}(llm):\n    llm('hi')\n"
        for number, arguments in enumerate(WRONG)
    ]
    right = "@pytest.mark.llm_latency(model='openai/gpt-4o-mini', requests=3)\ndef test_right(llm):\n    llm('hi')\n"
    suite.write(
        "\n".join([
            "import pytest\n",
            right,
            *tests,
            TAKES_A_PROMPT,
            "@pytest.mark.llm_latency\ndef test_bare():\n    pass\n",
        ])
    )
    result = suite.measure()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    text = printed(result)
    assert text.count("ERROR: ") == 1
    for number, message in enumerate(WRONG.values()):
        (line,) = [line for line in result.errlines if f"::test_wrong_{number}: " in line]
        assert message in line
    assert "test_suite.py::test_bare: the test does not take the fixture llm: write def test_x(llm)." in text
    assert "test_unprompted: prompts are no fixture, and the test takes one of the name prompt: take llm alone" in text
    assert "::test_right" not in text
    assert "::test_prompted" not in text
    assert "Traceback" not in text
    assert list((suite.path / ".llm-latency" / "runs").iterdir()) == []


def test_wrong_markers_are_found_by_collecting_alone(suite: Suite) -> None:
    """A cheap check before anything is paid for."""
    suite.write("import pytest\n\n@pytest.mark.llm_latency(requests=0)\ndef test_wrong(llm):\n    llm('hi')\n")
    assert suite.run(SWITCH, "--collect-only").ret == pytest.ExitCode.USAGE_ERROR


def test_a_wrong_marker_of_a_test_that_is_not_selected_is_no_error(suite: Suite) -> None:
    """What does not run is not looked at."""
    suite.write(
        """
        import pytest

        @pytest.mark.llm_latency(model="openai/gpt-4o-mini", requests=3)
        def test_right(llm):
            llm("hi")

        @pytest.mark.llm_latency(requests=0)
        def test_wrong(llm):
            llm("hi")
        """
    )
    suite.measure("-k", "right").assert_outcomes(passed=1, deselected=1)


def test_markers_of_module_class_function_and_parameter_are_merged(suite: Suite) -> None:
    """The nearest one that names an argument counts."""
    suite.write(
        """
        import pytest
        from pytest_llm_latency import constant

        pytestmark = pytest.mark.llm_latency(model="openai/gpt-4o-mini", requests=4, warmup=1, version="module")

        def test_module(llm):
            llm("hi")

        @pytest.mark.llm_latency(version="class", requests=5)
        class TestClass:
            def test_class(self, llm):
                llm("hi")

            @pytest.mark.llm_latency(requests=6, load=constant(100))
            async def test_function(self, llm):
                await llm("hi")

        @pytest.mark.parametrize("text", ["a", pytest.param("b", marks=pytest.mark.llm_latency(requests=7))])
        @pytest.mark.llm_latency(version="function")
        def test_parameter(llm, text):
            llm(text)
        """
    )
    suite.measure().assert_outcomes(passed=5)
    plans = {
        each["metadata"]["test_id"].rpartition("::")[2]: (
            each["config"]["requests"],
            each["config"]["version"],
            each["config"]["load"]["description"],
        )
        for each in suite.benchmarks
    }
    assert plans == {
        "test_module": (4, "module", "closed, concurrency 1"),
        "test_class": (5, "class", "closed, concurrency 1"),
        "test_function": (6, "class", "constant, 100/s"),
        "test_parameter[a]": (4, "function", "closed, concurrency 1"),
        "test_parameter[b]": (7, "function", "closed, concurrency 1"),
    }


def test_a_load_of_the_command_line_replaces_the_markers_load_whole(suite: Suite) -> None:
    """Its concurrency belongs to the load that no longer counts."""
    suite.write()
    suite.measure("--llm-latency-load=200/s").assert_outcomes(passed=1)
    assert suite.benchmarks[0]["config"]["load"]["description"] == "constant, 200/s"
