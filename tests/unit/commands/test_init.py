"""``llm-latency init``: what it asks, writes and refuses."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from pytest_llm_latency import cli, config_file
from pytest_llm_latency.commands import access, init, starting

ROOT = Path(__file__).parents[3]
TEST = "tests/latency/test_answer_latency.py"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, without keys."""
    for name in os.environ:
        if name.endswith(("_API_KEY", "_BASE_URL", "_API_BASE")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def called(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Return the exit code and what was printed."""
    status = cli.main(["init", *arguments])
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def written() -> dict[str, str]:
    """Return every file of the folder with its text."""
    return {str(path): path.read_text(encoding="utf-8") for path in sorted(Path().rglob("*")) if path.is_file()}


def test_without_a_terminal_nothing_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    """A test, and a root for pytest's runs, and what to do next without a key."""
    status, out, err = called(capsys)
    assert (status, err) == (0, "")
    assert list(written()) == ["llm-latency.yaml", "pytest.ini", TEST]
    assert config_file.load(Path(), None).values["requests"] == 100
    assert f'model="{init.MODEL}"' in written()[TEST]
    compile(written()[TEST], TEST, "exec")
    lines = out.splitlines()
    assert lines[:3] == [f"written: {TEST}", "written: llm-latency.yaml", "written: pytest.ini"]
    assert "set OPENAI_API_KEY" in out
    assert lines[-2:] == [
        "  pytest tests/latency --llm-latency --llm-latency-simulate",
        "  llm-latency baseline accept",
    ]


def test_with_a_key_the_provider_is_measured(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is said of keys and of the simulator then; the key itself is printed nowhere."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-secret")
    status, out, _ = called(capsys, "--model", "anthropic/claude-sonnet-4-5", "--json")
    assert status == 0
    assert json.loads(out) == {
        "written": [TEST, "llm-latency.yaml", "pytest.ini"],
        "model": "anthropic/claude-sonnet-4-5",
        "missing_variables": [],
        "to_do": [],
        "next": ["pytest tests/latency --llm-latency", "llm-latency baseline accept"],
    }
    assert "sk-secret" not in out + "".join(written().values())


def test_what_exists_is_named_and_stays(capsys: pytest.CaptureFixture[str]) -> None:
    """Until it is forced; the file that makes a root is the user's from then on."""
    Path(TEST).parent.mkdir(parents=True)
    Path(TEST).write_text("mine", encoding="utf-8")
    Path("pyproject.toml").write_text("[tool.pytest.ini_options]\n", encoding="utf-8")
    before = written()
    status, _, err = called(capsys)
    assert status == 4
    assert f"{TEST} exists already, and nothing was written" in err
    assert written() == before
    status, out, _ = called(capsys, "--force")
    assert (status, "pytest.ini" in out) == (0, False)
    assert written()[TEST] != "mine"


@pytest.mark.parametrize("text", ['{"gate": {"keep": 3}}', "{"])
def test_settings_that_are_there_stay_the_only_ones(capsys: pytest.CaptureFixture[str], text: str) -> None:
    """Also wrong ones, which the first run names."""
    Path("llm-latency.json").write_text(text, encoding="utf-8")
    status, out, _ = called(capsys)
    assert (status, "llm-latency.yaml" in out) == (0, False)
    assert sorted(written()) == ["llm-latency.json", "pytest.ini", TEST]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--model", "opnai/gpt-4o"], "did you mean 'openai/gpt-4o'? Else take it with --force."),
        (["--model", "openai/gpt4o-mini"], "did you mean 'openai/gpt-4o-mini'?"),
        (["--model", "gpt-4o-mini"], "write it as 'openai/gpt-4o-mini'."),
        (["--model", 'a"""b'], "is no name of a model"),
        (["--prompt", "one\ntwo"], "has more than one line"),
        (["--directory", "../elsewhere"], "is no folder below this one"),
        (["--directory", "/tmp/x"], "is no folder below this one"),
        (["--ci", "gitlub"], "invalid choice: 'gitlub'"),
    ],
)
def test_a_wrong_answer_is_one_message(capsys: pytest.CaptureFixture[str], arguments: list[str], said: str) -> None:
    """With what to write, and nothing is written."""
    status, out, err = called(capsys, *arguments)
    assert (status, out, written()) == (4, "", {})
    assert said in err
    assert err.count("\n") == 1


def test_a_model_that_is_newer_than_litellm_is_taken_when_forced(capsys: pytest.CaptureFixture[str]) -> None:
    """Where the list of names lags behind."""
    assert called(capsys, "--model", "openai/gpt4o-mini", "--force")[0] == 0


def test_a_folder_that_takes_no_file_is_one_message(capsys: pytest.CaptureFixture[str]) -> None:
    """A file stands where the folder belongs."""
    Path("tests").write_text("mine", encoding="utf-8")
    status, _, err = called(capsys)
    assert status == 1
    assert "tests/latency cannot be written (Not a directory): a file stands where a folder belongs" in err
    assert written() == {"tests": "mine"}


def test_below_a_root_of_pytest_s_it_is_run_there(
    capsys: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else results and baselines would lie where the next commands do not look."""
    Path("setup.cfg").write_text("[tool:pytest]\n", encoding="utf-8")
    Path("inner").mkdir()
    monkeypatch.chdir("inner")
    status, _, err = called(capsys)
    assert status == 4
    assert f"{folder} is the root of pytest's runs here: run 'llm-latency init' there" in err


@pytest.fixture(name="replies")
def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """Return a list to be filled with what a person types; ``None`` is the end of the input."""
    replies: list[str | None] = []

    def typed(question: str) -> str:
        sys.stdout.write(question)
        assert question == "> "
        reply = replies.pop(0)
        if reply is None:
            raise EOFError
        return reply

    monkeypatch.setattr("builtins.input", typed)
    monkeypatch.setattr(init, "_on_a_terminal", lambda: True)
    return replies


def test_a_terminal_is_asked_for_what_no_option_says(
    capsys: pytest.CaptureFixture[str], replies: list[str | None]
) -> None:
    """A wrong answer is asked for again; an empty one takes what is proposed, here the CI that was noticed."""
    Path(".gitlab-ci.yml").write_text("mine: {}", encoding="utf-8")
    replies += ["mistrl/mistral-small-latest", "mistral/mistral-small-latest", "bench", ""]
    status, out, _ = called(capsys, "--prompt", "Say hello.")
    assert (status, replies) == (0, [])
    assert "Which model? [openai/gpt-4o-mini]" in out
    assert "did you mean 'mistral/mistral-small-latest'?" in out
    assert "Which CI (github, gitlab, jenkins, none)? [gitlab]" in out
    assert '"Say hello."' in written()["bench/test_answer_latency.py"]
    assert "pytest bench --llm-latency" in written()[".gitlab/llm-latency.yml"]
    assert written()[".gitlab-ci.yml"] == "mine: {}"
    assert "to do: add to .gitlab-ci.yml: include: /.gitlab/llm-latency.yml" in out


def test_questions_that_end_name_the_options(capsys: pytest.CaptureFixture[str], replies: list[str | None]) -> None:
    """Nothing is written then, and --yes asks none."""
    replies.append(None)
    status, _, err = called(capsys)
    assert status == 4
    assert "write --model, or --yes." in err
    assert written() == {}
    assert called(capsys, "--yes")[0] == 0


def blocks(page: str) -> Iterator[str]:
    """Yield the blocks of code of a page."""
    parts = (ROOT / page).read_text(encoding="utf-8").split("```")
    yield from (part.partition("\n")[2] for part in parts[1::2])


@pytest.mark.parametrize("ci", ["github", "gitlab", "jenkins"])
def test_the_job_of_a_ci_is_the_one_that_its_how_to_shows(capsys: pytest.CaptureFixture[str], ci: str) -> None:
    """And on YAML's side it can be read."""
    status, out, _ = called(capsys, "--ci", ci)
    assert status == 0
    text = written()[starting.JOBS[ci].place]
    assert text in list(blocks(f"docs/how-to/{ci}.md"))
    (to_do,) = [line for line in out.splitlines() if line.startswith("to do: ")]
    assert to_do.endswith(": openai-api-key" if ci == "jenkins" else ": OPENAI_API_KEY")
    if ci != "jenkins":
        assert yaml.safe_load(text)


def test_the_test_is_the_one_that_the_readme_shows(capsys: pytest.CaptureFixture[str]) -> None:
    """Whose examples are run after it."""
    called(capsys)
    shown = list(blocks("README.md"))
    assert written()[TEST] in shown
    assert written()["llm-latency.yaml"] in shown


def test_a_provider_without_keys_has_no_secrets_in_its_job(capsys: pytest.CaptureFixture[str]) -> None:
    """And one that needs a library of ours gets its extra."""
    assert called(capsys, "--ci", "github", "--model", "ollama/llama3")[0] == 0
    assert "env:" not in written()[starting.JOBS["github"].place]
    assert called(capsys, "--ci", "jenkins", "--model", "bedrock/x", "--directory", "b")[0] == 0
    assert 'pip install "pytest-llm-latency[bedrock]"' in written()["Jenkinsfile"]
    assert "AWS_REGION = credentials('aws-region')" in written()["Jenkinsfile"]


def test_of_several_names_of_a_key_one_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server without a usual address has to be named as well."""
    assert access.missing("cohere_chat") == ("COHERE_API_KEY",)
    monkeypatch.setenv("CO_API_KEY", "x")
    assert access.missing("cohere_chat") == ()
    assert access.missing("hosted_vllm") == ("HOSTED_VLLM_API_BASE",)
    assert access.missing("bedrock") == access.missing("ollama") == access.missing("of-nobody") == ()
    assert access.variables("azure") == ("AZURE_API_KEY", "AZURE_API_BASE", "AZURE_API_VERSION")
