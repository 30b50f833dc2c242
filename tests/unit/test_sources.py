"""What a marker names becomes what a benchmark sends."""

from pathlib import Path
from typing import Any

import pytest

from pytest_llm_latency import load, sources
from pytest_llm_latency.errors import MarkerError
from pytest_llm_latency.model import Load
from pytest_llm_latency.prompts import Generated, generated, shuffled

CLOSED = load.closed(1)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Return the folder of a test and the root above it, each with files."""
    folder = tmp_path / "tests"
    folder.mkdir()
    (tmp_path / "both.txt").write_text("from the root\n", encoding="utf-8")
    (folder / "both.txt").write_text("beside the test\n", encoding="utf-8")
    (tmp_path / "trace.csv").write_text("arrived_at,num_prefill_tokens,num_decode_tokens\n0,30,7\n2,40,8\n")
    (tmp_path / "arrivals.csv").write_text("arrived_at\n0\n2\n")
    return folder, tmp_path


def replayed(folders: tuple[Path, ...], name: str = "trace.csv", count: int | None = None) -> Load:
    """Return the load of a trace file."""
    return sources.replayed(load.replay(name), folders, count)


def test_a_file_is_looked_for_beside_the_test_then_in_the_root(folders: tuple[Path, Path]) -> None:
    """The nearer one counts; an absolute name is itself."""
    folder, root = folders
    assert sources.find("both.txt", folders) == folder / "both.txt"
    assert sources.find("trace.csv", folders) == root / "trace.csv"
    assert sources.find(str(root / "both.txt"), folders) == root / "both.txt"


def test_a_file_that_is_nowhere_is_named_with_every_place(folders: tuple[Path, Path]) -> None:
    """Also where a folder has that name."""
    for name in ("no.txt", "."):
        with pytest.raises(MarkerError, match=r"there is no file .*tests.* nor .*: check the name"):
            sources.find(name, folders)


def test_prompts_are_a_list_a_file_or_generated(folders: tuple[Path, Path]) -> None:
    """Each makes a source; nothing makes none."""
    listed = sources.of(["a", {"prompt": "b"}], CLOSED, folders)
    assert listed is not None
    assert [listed.input(place).prompt for place in (0, 1)] == ["a", "b"]
    file = sources.of("both.txt", CLOSED, folders)
    assert file is not None
    assert file.description.startswith("1 prompt of both.txt, in turn")
    assert sources.of(Path("both.txt"), CLOSED, folders) == file
    assert sources.of(generated(5), CLOSED, folders) == Generated(tokens=5, seed=0)
    assert sources.of(None, CLOSED, folders) is None


def test_a_list_and_a_file_can_be_shuffled(folders: tuple[Path, Path]) -> None:
    """The seed goes with them."""
    found = sources.of(shuffled("both.txt", seed=4), CLOSED, folders)
    assert found is not None
    assert "of both.txt, shuffled with seed 4" in found.description


@pytest.mark.parametrize(
    ("prompts", "message"),
    [
        ([], r"prompts is \[\]: write a list of prompts, the name of a file"),
        (3, r"prompts is 3: write a list"),
        (["a", 3], r"prompts\[1\]: this is no prompt"),
        (shuffled(generated(5)), "shuffled takes a list of prompts or the name of a file: these have an order already"),
        ("no.txt", "there is no file"),
    ],
)
def test_what_makes_no_prompts_is_refused(folders: tuple[Path, Path], prompts: Any, message: str) -> None:
    """With what to write."""
    with pytest.raises(MarkerError, match=message):
        sources.of(prompts, CLOSED, folders)


def test_a_replay_reads_its_trace_and_gives_its_lengths(folders: tuple[Path, Path]) -> None:
    """Prompts of the marker take the place of generated ones."""
    found = replayed(folders)
    assert load.schedule(found, 2).offsets_s == (0.0, 2.0)
    assert load.total(replayed(folders, count=1)) == 1
    own = sources.of(None, found, folders)
    assert own is not None
    assert own.input(1).max_tokens == 8
    mixed = sources.of(["a"], found, folders)
    assert mixed is not None
    assert (mixed.input(1).prompt, mixed.input(1).max_tokens) == ("a", 8)


def test_a_trace_of_arrivals_alone_gives_no_prompts(folders: tuple[Path, Path]) -> None:
    """The body has its own."""
    assert sources.of(None, replayed(folders, "arrivals.csv"), folders) is None


def test_a_file_that_cannot_be_looked_at_is_told(folders: tuple[Path, Path]) -> None:
    """As one in a folder of another user."""
    with pytest.raises(MarkerError, match=r"cannot be looked at \(File name too long\): check its name and perm"):
        sources.find("x" * 300, folders)
