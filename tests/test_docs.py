"""Runs every example of README.md and docs/. CONTRIBUTING.md says how examples are marked."""

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
EXAMPLES = {"python", "console", "toml", "yaml", "json", "ini", "bash", "sh"}

FENCE = re.compile(
    r"(?:<!-- (?P<mark>[^\n]+?) -->\n)?^```(?P<language>\w*)\n(?P<body>.*?)^```$", re.DOTALL | re.MULTILINE
)
ANY_TEXT = "..."

# What differs from run to run and from machine to machine, in the order of replacing.
CHANGING = (
    (re.compile(r"\x1b\[[0-9;]*m"), ""),
    (re.compile(r"/(?:[\w.+-]+/)+[\w.+-]*"), "<path>"),
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.+Z-]+"), "<date>"),
    (re.compile(r"\b\d+\.\d+\.\d+\S*"), "<version>"),
    (re.compile(r"[▁▂▃▄▅▆▇█](?:[▁▂▃▄▅▆▇█ ]*[▁▂▃▄▅▆▇█])?"), "<sparkline>"),
    (re.compile(r"[+±-]\d+ … [+±-]\d+ %"), "<interval>"),
    (re.compile(r"\bp [=<] [\d.]+"), "p = <number>"),
    (re.compile(r"\$\d+(?:\.\d+)?"), "<money>"),
    (re.compile(r"\b\d[\d,]*(?:\.\d+)?/s\b"), "<rate>"),
    (re.compile(r"[+±-]?\d+(?:\.\d+)? %"), "<share>"),
    (re.compile(r"\b\d+(?:\.\d+)? ?(?:ns|µs|ms|s|min)\b"), "<time>"),
    (re.compile(r"(?:< )?\b\d+\.\d+\b"), "<number>"),
    (re.compile(r"([=_-])\1{2,}"), r"\1\1\1"),
)


# A machine that runs tests is busy. With simulated answers that take five times as long as usual to
# begin, its own delays are too small to be taken for the provider's. They are short, for the sake of time.
SLOWER = '{"profiles": {"*": {"slowdown": 5, "output_tokens": 4}}}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One fenced block with the mark before it: ``file: NAME``, ``run``, ``run: STATUS`` or ``not run: WHY``."""

    line: int
    language: str
    mark: str | None
    body: str

    @property
    def verb(self) -> str | None:
        """Return what is done with the block."""
        return None if self.mark is None else self.mark.partition(":")[0].strip()

    @property
    def argument(self) -> str:
        """Return what stands after the colon of the mark."""
        return "" if self.mark is None else self.mark.partition(":")[2].strip()


def examples(text: str) -> Iterator[Example]:
    """Yield the blocks of a page that show code or commands."""
    for match in FENCE.finditer(text):
        if match["language"] in EXAMPLES:
            line = text.count("\n", 0, match.start("body"))
            yield Example(line=line, language=match["language"], mark=match["mark"], body=match["body"])


def commands(body: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each ``$`` line of a console block with the lines of output that are shown below it."""
    for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield command, output.splitlines()


def normalised(text: str) -> str:
    """Return the text in one line, without what changes from run to run or with the terminal's width."""
    for pattern, word in CHANGING:
        text = pattern.sub(word, text)
    return " ".join(text.split())


def shows(expected: list[str], actual: str) -> bool:
    """Return whether ``actual`` is what ``expected`` shows, where a line ``...`` stands for any text."""
    parts = [
        normalised(part) for part in re.split(rf"^{re.escape(ANY_TEXT)}$", "\n".join(expected), flags=re.MULTILINE)
    ]
    text, at = normalised(actual), 0
    for part in parts[:-1]:
        found = text.find(part, at)
        if found < 0 or (part is parts[0] and found > 0):
            return False
        at = found + len(part)
    rest = text[at:].strip()
    return rest.endswith(parts[-1]) if len(parts) > 1 else rest == parts[-1]


def run(command: str, folder: Path, profile: Path, programs: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of the documentation as a reader would, with this environment's programs."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "COV", "LLM_LATENCY"))}
    options = f"--llm-latency-simulate-profile={profile} -o asyncio_default_fixture_loop_scope=function"
    return subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=clean
        | {
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "PYTEST_ADDOPTS": options,
            "LLM_LATENCY_MAX_ERROR": "1s",  # the machine is busy with other tests
            "COLUMNS": "100",
            "NO_COLOR": "1",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        check=False,
    )


def follow(example: Example, page: str, folder: Path, profile: Path, programs: Path) -> None:
    """Write the file or run the commands of one example."""
    where = f"{page}:{example.line}"
    if example.verb == "file":
        target = folder / example.argument
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(example.body, encoding="utf-8")
        return
    status = int(example.argument or 0)
    shown = list(commands(example.body))
    assert shown, f"{where}: a block that is run has lines that begin with '$ '"
    for command, output in shown:
        done = run(command, folder, profile, programs)
        report = f"{where}: $ {command}\n{done.stdout}"
        assert done.returncode == status, f"{report}\nended with status {done.returncode} and not {status}"
        if output:
            assert shows(output, done.stdout), "\n".join([report, "is not what the page shows:", *output])


def test_the_readme_has_examples_that_are_run() -> None:
    """Otherwise the tests below would be green over nothing."""
    verbs = {example.verb for example in examples(PAGES[0].read_text(encoding="utf-8"))}
    assert {"file", "run"} <= verbs


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_example_of_a_page_says_how_it_is_checked(page: Path) -> None:
    """A block of code is a file, is run, or says why it is not."""
    unknown = [
        (example.line, example.mark)
        for example in examples(page.read_text(encoding="utf-8"))
        if example.verb not in {"file", "run", "not run"} or (example.verb != "run" and not example.argument)
    ]
    assert unknown == []


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if any(each.verb == "run" for each in examples(page.read_text(encoding="utf-8")))],
    ids=lambda page: page.relative_to(ROOT).as_posix(),
)
def test_the_examples_of_a_page_do_what_it_says(page: Path, tmp_path: Path, programs: Path) -> None:
    """They run from top to bottom in one empty folder."""
    profile, folder = tmp_path / "profile.json", tmp_path / "project"
    profile.write_text(SLOWER, encoding="utf-8")
    folder.mkdir()
    for example in examples(page.read_text(encoding="utf-8")):
        if example.verb != "not run":
            follow(example, page.relative_to(ROOT).as_posix(), folder, profile, programs)


@pytest.mark.parametrize(
    ("expected", "actual", "same"),
    [
        (["a", "b"], "a b", True),
        (["a"], "a b", False),
        (["a", "..."], "a b c", True),
        (["a", "..."], "b a c", False),
        (["...", "c"], "a b c", True),
        (["...", "c"], "a c b", False),
        (["a", "...", "c"], "a c", True),
        (["a", "...", "d"], "a b c", False),
        (["...", "b", "...", "c", "..."], "a b x c d", True),
        (["...", "c", "...", "b", "..."], "a b x c d", False),
    ],
)
def test_three_dots_stand_for_any_text(expected: list[str], actual: str, *, same: bool) -> None:
    """Everything else must be there, in its order."""
    assert shows(expected, actual) is same


def test_what_changes_from_run_to_run_is_left_out_of_the_comparison() -> None:
    """Counts and words stay, because they must not change."""
    text = """
        == 2 passed in 1.23s ==
        p95 812 ms  ▁▂ █  +36 % (+12 … +50 %), p = 0.0001  $0.002 20/s
        report /tmp/x-1/report/index.html
    """
    assert normalised(text) == (
        "== 2 passed in <time> == p95 <time> <sparkline> <share> (<interval>), p = <number> <money> <rate> "
        "report <path>"
    )
