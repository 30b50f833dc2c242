"""The command line's frame: help, version, errors and exit codes."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_llm_latency import __version__, cli
from pytest_llm_latency.commands import painting
from pytest_llm_latency.errors import LatencyError, UsageError

PROBE = """
import sys
from pytest_llm_latency.cli import main
try:
    main(sys.argv[1:])
except SystemExit as exit:
    assert exit.code == 0
heavy = {"pyarrow", "numpy", "scipy", "litellm", "aiohttp", "httpx", "pytest", "jinja2", "yaml"}
print("HEAVY", sorted(heavy & {name.partition(".")[0] for name in sys.modules}))
"""


@pytest.mark.parametrize("argument", ["--version", "--help"])
def test_help_and_version_import_nothing_heavy(argument: str) -> None:
    """They answer at once."""
    command = [sys.executable, "-c", PROBE, argument]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.endswith("HEAVY []\n")


def test_the_version_is_the_package_s(capsys: pytest.CaptureFixture[str]) -> None:
    """The distribution's name stands beside it."""
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"pytest-llm-latency {__version__}\n"


@pytest.mark.parametrize("argv", [[], ["nothing"], ["baseline"], ["baseline", "nothing"]])
def test_a_missing_or_unknown_command_points_to_the_help(capsys: pytest.CaptureFixture[str], argv: list[str]) -> None:
    """One line and the exit code of wrong usage."""
    assert cli.main(argv) == 4
    err = capsys.readouterr().err
    assert err.startswith("llm-latency: error: ")
    assert "--help'." in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("command", ["compare", "baseline prune"])
def test_what_a_command_does_not_take_points_to_its_own_help(capsys: pytest.CaptureFixture[str], command: str) -> None:
    """The help of the whole names none of its arguments."""
    assert cli.main([*command.split(), *(["a", "b"] if command == "compare" else []), "--nothing", "c"]) == 4
    err = capsys.readouterr().err
    assert err.startswith("llm-latency: error: unrecognized arguments: --nothing")
    assert err.endswith(f": see 'llm-latency {command} --help'.\n")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (LatencyError("It broke: mend it."), 1),
        (UsageError("Wrong: write it."), 4),
        (KeyboardInterrupt(), 130),
    ],
)
def test_errors_become_exit_codes_without_a_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int
) -> None:
    """An interruption says nothing, an error says its one message."""

    def fail(arguments: object) -> int:
        raise error

    monkeypatch.setattr(cli.baseline, "list_all", fail)
    assert cli.main(["baseline", "list"]) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == (f"llm-latency: error: {error}\n" if isinstance(error, LatencyError) else "")


def test_an_error_is_red_where_colours_are_shown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its text stays as it is."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert cli.main(["nothing"]) == 4
    assert capsys.readouterr().err.startswith("llm-latency: \033[1;31merror:\033[0m argument COMMAND")


def test_an_error_is_broken_between_words_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere it is one line, for whoever searches for it."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr("sys.stderr", screen)
    painting.complain("error", "a message of many words: " + "write them all, each as it is said. " * 3)
    lines = screen.getvalue().splitlines()
    assert len(lines) > 1
    assert max(map(len, lines)) <= 60


def test_a_reader_that_leaves_early_is_no_error_message(tmp_path: Path) -> None:
    """As in ``llm-latency baseline list | head -0``."""
    code = "import sys; from pytest_llm_latency.cli import main; sys.exit(main(['baseline', 'list']))"
    reader = subprocess.Popen([sys.executable, "-c", ""], stdin=subprocess.PIPE)
    reader.wait()
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"},
        stdout=reader.stdin,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert reader.stdin is not None
    reader.stdin.close()


def test_a_terminal_without_unicode_gets_a_question_mark(tmp_path: Path) -> None:
    """A dash that cannot be printed is no traceback."""
    code = (
        "import sys; from pytest_llm_latency import cli; "
        "cli.baseline.list_all = lambda arguments: print('–') or 0; sys.exit(cli.main(['baseline', 'list']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "?\n", "")


@pytest.mark.parametrize("words", [["analyze"], ["report"], ["baseline", "accept", "--run"]])
def test_a_path_that_cannot_be_looked_at_is_told_in_one_line(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whichever command is given it: a name that is too long, or one in a folder of another user."""
    monkeypatch.chdir(tmp_path)
    name = "x" * 5000
    assert cli.main([*words, name]) == 1
    assert capsys.readouterr().err.endswith(
        f"{name} cannot be used (File name too long): check its name and permissions.\n"
    )


def test_an_error_of_the_system_without_a_path_is_none_of_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a fault, and shows where it is."""

    def fail(_: object) -> None:
        raise OSError("no such thing")

    monkeypatch.setattr("pytest_llm_latency.commands.project.fill_in", fail)
    with pytest.raises(OSError, match="no such thing"):
        cli.main(["config", "schema"])
