"""The help of every command: its examples, its exit codes, and what it is read from."""

import shlex

import pytest

from pytest_llm_latency import cli
from pytest_llm_latency.commands import manual, tree

WHOLE = tree.read(cli.parser())
EVERY = {" ".join(each.words[1:]): each for each in tree.walk(WHOLE)}
DOING = {name: each for name, each in EVERY.items() if not each.commands}
EXAMPLES = [(name, line) for name, page in manual.PAGES.items() for line in page.examples.values()]


def test_every_command_has_examples_and_no_page_is_of_a_command_that_is_no_more() -> None:
    """A command that is added asks for a row."""
    assert sorted(manual.PAGES) == sorted(DOING)
    assert [name for name, page in manual.PAGES.items() if not page.examples] == []


@pytest.mark.parametrize(("name", "line"), EXAMPLES, ids=[line for _, line in EXAMPLES])
def test_an_example_is_a_command_line_that_the_parsers_take(name: str, line: str) -> None:
    """It begins with the command that it is an example of."""
    program, *arguments = shlex.split(line.partition(" > ")[0])
    assert program == "llm-latency"
    assert f"{' '.join(arguments)} ".startswith(f"{name} ")
    assert callable(cli.parser().parse_args(arguments).handler)


@pytest.mark.parametrize("name", EVERY)
def test_help_has_a_sentence_the_examples_and_the_exit_codes_in_80_columns(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At every level of the commands."""
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit, match="0"):
        cli.main([*name.split(), "--help"])
    out = capsys.readouterr().out
    command = EVERY[name]
    assert command.description[0].isupper()
    assert command.description.endswith(".")
    assert out.count("exit codes:\n  0    done\n") == 1
    assert ("examples:\n" in out) is (name in DOING)
    assert max(map(len, out.splitlines())) <= 80


def test_every_command_that_prints_results_has_them_as_json() -> None:
    """But those that print a script, a schema, or no more than that nothing is wrong."""
    without = {name for name, each in DOING.items() if not any("--json" in every.flags for every in each.arguments)}
    assert without == {"completion", "config check", "config schema"}


def test_exit_code_1_says_what_a_command_found() -> None:
    """Beside an error, which every command may have."""
    assert manual.exit_codes(manual.PAGES["compare"])[1].startswith(
        "a benchmark regressed, is invalid, or fails by a policy, or it could"
    )
    assert manual.exit_codes()[1].startswith("it could not be done")
    assert "\n  1    there is no baseline, or it could" in manual.epilog("baseline list")


def test_a_command_is_read_with_its_arguments() -> None:
    """Flags, what stands for a value, choices, and what is a file."""
    by_name = {each.flags[-1] if each.flags else each.metavar: each for each in EVERY["convert"].arguments}
    assert (by_name["IN"].path, by_name["IN"].required, by_name["IN"].flags) == (True, True, ())
    assert by_name["--to"].choices == ("parquet", "msgpack", "jsonl", "json")
    assert (by_name["--help"].metavar, by_name["--help"].flags) == (None, ("-h", "--help"))
    accept = {each.flags[-1]: each for each in EVERY["baseline accept"].arguments}
    assert (accept["--test"].repeated, accept["--keep"].repeated) == (True, False)
    assert EVERY["baseline"].summary == "accept, list, show and prune baselines"
