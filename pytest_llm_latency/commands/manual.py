"""What the help of each command says beside its options: examples, and what exit code 1 means there."""

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 4, 130

EXIT_CODES: Mapping[int, str] = MappingProxyType({
    OK: "done",
    FAILED: "it could not be done: the message says why and what to do",
    USAGE: "the command line, or a file that the user wrote, is wrong: the message says what to write",
    INTERRUPTED: "interrupted with Ctrl-C",
})


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One row: command lines, each after what it does; ``failed`` is when the exit code is 1 without an error."""

    examples: Mapping[str, str]
    failed: str | None = None


# By the words of the command.
PAGES: Mapping[str, Page] = MappingProxyType({
    "analyze": Page(
        examples={
            "Print what the last run says": "llm-latency analyze",
            "One test, other percentiles, as JSON": "llm-latency analyze -k test_chat --percentiles 50,90,99.9 --json",
        },
    ),
    "baseline accept": Page(
        examples={
            "Make the last run the baseline": 'llm-latency baseline accept --reason "longer answers"',
            "Say what one test would change": "llm-latency baseline accept -k test_chat --dry-run",
        },
    ),
    "baseline list": Page(
        examples={"Print the accepted figures": "llm-latency baseline list --environment ci"},
        failed="there is no baseline",
    ),
    "baseline show": Page(examples={"Print the accepted runs of a test": "llm-latency baseline show test_chat"}),
    "baseline prune": Page(
        examples={
            "Name the baselines of tests that are no more": "llm-latency baseline prune --dry-run",
            "Keep the last three runs of each": "llm-latency baseline prune --keep-last 3",
        },
    ),
    "calibrate": Page(
        examples={
            "Print the gate's false alarms for your suite": "llm-latency calibrate",
            "Use every kept session, too": "llm-latency calibrate .llm-latency/runs",
        },
    ),
    "compare": Page(
        examples={
            "Judge the last run against the baselines": "llm-latency compare baselines .llm-latency",
            "Compare two runs, as JSON": "llm-latency compare main/.llm-latency .llm-latency --json",
            "Compare by model": "llm-latency compare baselines .llm-latency --group-by model",
        },
        failed="a benchmark regressed, is invalid, or fails by a policy",
    ),
    "completion": Page(
        examples={
            "Print the script, for 'eval' in ~/.bashrc": "llm-latency completion bash",
            "Write it to a file, for the completions folder of fish": "llm-latency completion fish > llm-latency.fish",
        },
    ),
    "config show": Page(
        examples={
            "Print every setting and where it stands": "llm-latency config show",
            "With options of pytest, as JSON": "llm-latency config show --json -- --llm-latency-requests=50",
        },
    ),
    "config check": Page(
        examples={
            "Check the settings file of this folder": "llm-latency config check",
            "Check another one, where no key is set": "llm-latency config check ci/latency.yaml --ignore-unset",
        },
    ),
    "config schema": Page(
        examples={"Write the schema for an editor": "llm-latency config schema > llm-latency.schema.json"},
    ),
    "convert": Page(
        examples={"Write samples as lines of JSON": "llm-latency convert .llm-latency/samples.parquet samples.jsonl"},
    ),
    "init": Page(
        examples={
            "Ask what to measure, and write a first suite": "llm-latency init",
            "Ask nothing": "llm-latency init --model anthropic/claude-sonnet-4-5 --ci github --yes",
        },
    ),
    "profile": Page(
        examples={
            "Measure a prompt": 'llm-latency profile openai/gpt-4o-mini "Say hello." --requests 100',
            "Dry run of a file of prompts": "llm-latency profile openai/gpt-4o --prompts prompts.txt --simulate",
            "Keep the run": "llm-latency profile openai/gpt-4o Hello. --output main.parquet",
            "Judge another one beside it": "llm-latency profile openai/gpt-4o Hello. --against main.parquet",
        },
        failed="the run regressed, exceeds a limit or is invalid",
    ),
    "report": Page(
        examples={
            "Print the last run and write its report again": "llm-latency report",
            "Write what GitLab reads": "llm-latency report last --ci gitlab",
            "Print figures as vLLM defines them": "llm-latency report --definitions vllm",
        },
    ),
    "selftest": Page(
        examples={
            "Print how exact this machine measures": "llm-latency selftest",
            "At most 50 streams at once, as JSON": "llm-latency selftest --streams 10,50 --json",
        },
    ),
    "simulate": Page(
        examples={
            "Serve all providers on a free port": "llm-latency simulate",
            "Twice as slow as usual": "llm-latency simulate --port 8080 --slowdown 2",
        },
    ),
    "testbench import": Page(
        examples={
            "Write a test over a dataset": "llm-latency testbench import coding.json -o tests --model openai/gpt-4o",
            "One for a profile of a fleet": "llm-latency testbench import fleet.yaml -o tests --profile coding",
        },
    ),
    "testbench export": Page(
        examples={"Write the last run as CSV": "llm-latency testbench export last -o results.csv"},
    ),
})


def epilog(words: str) -> str:
    """Return what stands below the options in the help of a command; of one that has commands, the exit codes."""
    page = PAGES.get(words)
    examples = [] if page is None else [f"  {what}:\n    {line}\n" for what, line in page.examples.items()]
    codes = [
        textwrap.fill(meaning, 78, initial_indent=f"  {code:<5}", subsequent_indent=" " * 7)
        for code, meaning in exit_codes(page).items()
    ]
    return "\n".join([*(["examples:", *examples] if examples else []), "exit codes:", *codes])


def exit_codes(page: Page | None = None) -> dict[int, str]:
    """Return the exit codes and their meanings, those of one command where it is given."""
    if page is None or page.failed is None:
        return dict(EXIT_CODES)
    return {**EXIT_CODES, FAILED: f"{page.failed}, or {EXIT_CODES[FAILED]}"}
