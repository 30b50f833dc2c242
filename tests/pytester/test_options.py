"""Options: flags, ini keys and environment variables, and which of them counts."""

import pytest

from pytest_llm_latency import options
from suites import SWITCH, Suite, printed

COUNTED = """
import pytest

@pytest.mark.llm_latency({arguments})
def test_chat(llm):
    llm("hi")
"""


def requests(suite: Suite) -> int:
    """Return how many requests the last run has measured."""
    (benchmark,) = suite.benchmarks
    assert benchmark["results"]["reliability"]["requests"] == benchmark["config"]["requests"]
    return int(benchmark["config"]["requests"])


def test_every_option_has_a_flag_and_an_ini_key_in_the_help(suite: Suite) -> None:
    """The help text is the table's."""
    result = suite.run("--help")
    text = " ".join(printed(result).split())
    for option in options.OPTIONS:
        flag = option.flag if option.metavar is None else f"{option.flag}={option.metavar}"
        told = option.help.replace("%%", "%")
        assert f"{flag} {told}" in text
        assert f"{option.ini} (string): {told}" in text


def test_the_marker_counts_before_the_ini_file_and_the_command_line_before_both(suite: Suite) -> None:
    """The ini file counts where the marker says nothing, the default where neither does."""
    model = "model='openai/gpt-4o-mini'"
    suite.write(COUNTED.format(arguments=model))
    suite.ini("llm_latency_requests = 11", "llm_latency_warmup = 0", "llm_latency_concurrency = 11")
    suite.measure().assert_outcomes(passed=1)
    assert requests(suite) == 11
    suite.write(COUNTED.format(arguments=f"{model}, requests=12"))
    suite.measure().assert_outcomes(passed=1)
    assert requests(suite) == 12
    suite.measure("--llm-latency-requests=13").assert_outcomes(passed=1)
    assert requests(suite) == 13
    assert suite.document["config"]["concurrency"] == 11


def test_the_environment_is_named_by_flag_before_variable_before_ini_file(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without any of them it is ``default``."""

    def environment(*arguments: str) -> str:
        result = suite.run(SWITCH, "--collect-only", *arguments)
        (line,) = [line for line in result.outlines if line.startswith("llm latency:")]
        return line.split(", ")[1]

    assert environment() == "environment default"
    suite.ini("llm_latency_environment = from-ini")
    assert environment() == "environment from-ini"
    monkeypatch.setenv("LLM_LATENCY_ENVIRONMENT", "from-variable")
    assert environment() == "environment from-variable"
    assert environment("--llm-latency-environment=from-flag") == "environment from-flag"


def test_a_mistyped_ini_key_ends_the_run_before_anything_is_sent(suite: Suite) -> None:
    """Without the switch it is pytest's to warn of."""
    suite.ini("llm_latency_budget_dollar = 1")
    result = suite.run(SWITCH, "--collect-only")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "llm-latency: the ini key llm_latency_budget_dollar is no option: did you mean" in printed(result)
    assert suite.run("--collect-only").ret != pytest.ExitCode.USAGE_ERROR


def test_a_switch_can_stand_in_the_ini_file(suite: Suite) -> None:
    """Then only ``--llm-latency`` is written at each run."""
    suite.write(COUNTED.format(arguments="model='openai/gpt-4o-mini', requests=3"))
    suite.ini("llm_latency_simulate = true", "llm_latency_simulate_profile = quick.json", "llm_latency_region = here")
    suite.run(SWITCH).assert_outcomes(passed=1)
    (run,) = suite.session.runs(suite.session.tests[0])
    assert {sample.region for sample in run.samples} == {"here"}
    suite.ini("llm_latency_simulate = off")
    result = suite.run(SWITCH)
    result.assert_outcomes(failed=1)
    assert "OPENAI_API_KEY" in printed(result)


def test_values_of_a_toml_file_are_texts(suite: Suite) -> None:
    """One that is not is a usage error that names the key."""
    suite.write(COUNTED.format(arguments="model='openai/gpt-4o-mini'"))
    (suite.path / "pytest.ini").unlink()
    toml = suite.path / "pytest.toml"
    lines = "[pytest]\nasyncio_default_fixture_loop_scope = 'function'\nllm_latency_simulate = 'true'\n"
    toml.write_text(f"{lines}llm_latency_requests = '4'\n", encoding="utf-8")
    suite.run(SWITCH).assert_outcomes(passed=1)
    assert requests(suite) == 4
    toml.write_text(f"{lines}llm_latency_requests = 4\n", encoding="utf-8")
    result = suite.run(SWITCH)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "config option 'llm_latency_requests' expects a string, got int: 4" in printed(result)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--llm-latency-requests=0", "--llm-latency-requests: '0' is not a whole number of at least 1."),
        ("--llm-latency-requests=many", "--llm-latency-requests: 'many' is not a whole number of at least 1."),
        ("--llm-latency-warmup=-1", "--llm-latency-warmup: '-1' is not a whole number of at least 0."),
        ("--llm-latency-alpha=120%", "--llm-latency-alpha: '120%' is not a share between 0 % and 100 %."),
        ("--llm-latency-tolerance=0", "--llm-latency-tolerance: '0' must be above 0."),
        ("--llm-latency-timeout=soon", "--llm-latency-timeout: 'soon' is not a duration"),
        ("--llm-latency-on-inconclusive=maybe", "--llm-latency-on-inconclusive: 'maybe' is not a policy"),
        ("--llm-latency-environment=../x", "the environment '../x' is no folder name"),
        ("--llm-latency-model=", "--llm-latency-model: the value is empty."),
    ],
)
def test_a_bad_value_is_one_usage_error_that_names_its_option(suite: Suite, argument: str, message: str) -> None:
    """Nothing is collected."""
    suite.write()
    result = suite.measure(argument)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert f"ERROR: llm-latency: {message}" in printed(result)
    assert "Traceback" not in printed(result)
    assert not (suite.path / ".llm-latency").exists()


def test_a_bad_ini_value_names_its_key_and_a_bad_variable_its_name(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that people look in the right place."""
    suite.ini("llm_latency_keep = none")
    result = suite.measure()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "llm-latency: the ini key llm_latency_keep: 'none' is not a whole number" in printed(result)
    suite.ini()
    monkeypatch.setenv("LLM_LATENCY_REGION", " ")
    assert "llm-latency: the variable LLM_LATENCY_REGION: the value is empty." in printed(suite.measure())


def test_without_the_switch_a_bad_ini_value_disturbs_no_one(suite: Suite) -> None:
    """The settings are read only where something is measured."""
    suite.ini("llm_latency_keep = none")
    suite.write()
    suite.run().assert_outcomes(skipped=1)


def test_prices_that_cannot_be_read_end_the_session_before_anything_is_measured(suite: Suite) -> None:
    """With one message that names the file and the nearest right word."""
    suite.write(COUNTED.format(arguments="model='openai/gpt-4o-mini'"))
    path = suite.path / "prices.yaml"
    path.write_text("openai/gpt-4o-mini: {inptu: 1}", encoding="utf-8")
    result = suite.run(SWITCH, "--llm-latency-simulate", "--llm-latency-prices=prices.yaml")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "openai/gpt-4o-mini has no price 'inptu': did you mean 'input'?" in printed(result)
