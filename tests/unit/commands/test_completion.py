"""``llm-latency completion``: the scripts, as the shells themselves complete with them."""

import subprocess
from pathlib import Path

import pytest

from pytest_llm_latency import cli
from pytest_llm_latency.commands.completion import SHELLS

# What stands on the line, the last word unfinished, and what it is completed to.
CASES: dict[tuple[str, ...], set[str]] = {
    ("ba",): {"baseline"},
    ("baseline", ""): {"accept", "list", "prune", "show"},
    ("baseline", "accept", "--re"): {"--reason", "--results"},
    ("baseline", "accept", "--reason", "baseline", "--dry"): {"--dry-run"},
    ("baseline", "accept", "--keep", ""): set(),
    ("compare", "--group-by", "wo"): {"worker"},
    ("compare", "ru"): {"run.parquet"},
    ("convert", "run.parquet", "--to", ""): {"parquet", "msgpack", "jsonl", "json"},
    ("report", "--ci", "git"): {"github", "gitlab"},
    ("completion", ""): {"bash", "fish", "zsh"},
}
BASH = """
complete_line() {{
    COMP_WORDS=(llm-latency "$@") COMP_CWORD=$# COMPREPLY=()
    _llm_latency 2> /dev/null
    echo "${{COMPREPLY[@]}}"
}}
{calls}
"""
# Outside of its line editor zsh completes nothing: these stand in for what would show the words there.
ZSH = """
compdef() {{ }}
_describe() {{ print -rn -- "${{(@)names%%:*}} " }}
_files() {{ print -rn -- ${{current}}*(N) }}
source {script}
complete_line() {{
    local -a words=(llm-latency "$@")
    local CURRENT=${{#words}}
    _llm_latency
    print
}}
{calls}
"""


@pytest.fixture(name="script", params=SHELLS)
def script_of_a_shell(
    request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Return the script of a shell, in a folder with one file."""
    assert cli.main(["completion", request.param]) == 0
    monkeypatch.chdir(tmp_path)
    Path("run.parquet").touch()
    path = tmp_path / f".{request.param}"
    path.write_text(capsys.readouterr().out, encoding="utf-8")
    return path


def answers(*command: str) -> list[set[str]]:
    """Return the words of each line that a shell prints."""
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return [set(line.split()) for line in done.stdout.splitlines()]


def calls(quote: str = '"') -> str:
    """Return the lines of a script that complete each case."""
    return "\n".join(f"complete_line {' '.join(quote + word + quote for word in words)}" for words in CASES)


@pytest.mark.parametrize("script", ["bash"], indirect=True)
def test_bash_completes(script: Path) -> None:
    """As it calls a function of completion: words in COMP_WORDS, answers in COMPREPLY."""
    lines = script.read_text(encoding="utf-8") + BASH.format(calls=calls())
    assert answers("bash", "--norc", "-c", lines) == list(CASES.values())


@pytest.mark.parametrize("script", ["bash"], indirect=True)
def test_bash_completes_the_value_after_an_equals_sign(script: Path) -> None:
    """Which is a word of its own there, also where nothing follows it yet."""
    both = 'complete_line "compare" "--group-by" "=" "wo"\ncomplete_line "compare" "--group-by" "="'
    lines = script.read_text(encoding="utf-8") + BASH.format(calls=both)
    found = answers("bash", "--norc", "-c", lines)
    assert found == [{"worker"}, {"model", "provider", "test", "worker", "host", "region"}]


@pytest.mark.needs("zsh")
@pytest.mark.parametrize("script", ["zsh"], indirect=True)
def test_zsh_completes(script: Path) -> None:
    """With all words that may stand there: what is typed already narrows them in its editor."""
    found = answers("zsh", "-f", "-c", ZSH.format(script=script, calls=calls()))
    typed = zip(found, CASES, strict=True)
    assert [{word for word in words if word.startswith(line[-1])} for words, line in typed] == list(CASES.values())


@pytest.mark.needs("fish")
@pytest.mark.parametrize("script", ["fish"], indirect=True)
def test_fish_completes(script: Path) -> None:
    """Each word with what it is for, after a tab."""
    shown = "echo (complete -C 'llm-latency {}' | string replace -r '\\t.*' '')"
    lines = [shown.format(" ".join(words)) for words in CASES]
    found = answers("fish", "--no-config", "-c", "\n".join([f"source {script}", *lines]))
    assert found == list(CASES.values())


def test_another_shell_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """With those that are known."""
    assert cli.main(["completion", "tcsh"]) == 4
    assert "'bash', 'zsh', 'fish'" in capsys.readouterr().err
