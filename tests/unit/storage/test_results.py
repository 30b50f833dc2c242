"""The results folder keeps what each session measured, and the last one is found again."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

import nouns
from pytest_llm_latency.errors import CorruptFileError, NewerVersionError, StorageError, UnwritableError, UsageError
from pytest_llm_latency.storage import names, results, results_folder
from pytest_llm_latency.storage.results import Manifest


def manifest(session_id: str = "session-2", **changes: Any) -> Manifest:
    """Return the manifest of a session that measured one test."""
    stored = nouns.stored_test(
        test_id=nouns.TEST_ID, file=f"{names.slug(nouns.TEST_ID)}.parquet", status="pass", fails=False, moved=False
    )
    values = nouns.manifest(
        session_id=session_id,
        started_at=nouns.STARTED_AT,
        environment="default",
        interrupted=False,
        narrowed=False,
        expected=(nouns.TEST_ID,),
        tests=(stored,),
    )
    return dataclasses.replace(values, **changes)


def measured(folder: Path, session_id: str, started_at: str) -> Path:
    """Store a session of one test and return its folder."""
    results.write_run(folder, nouns.run([0.3], session_id=session_id, started_at=started_at))
    return results.write_manifest(folder, manifest(session_id, started_at=started_at)).parent


def test_a_new_results_folder_is_ignored_by_version_control(tmp_path: Path) -> None:
    """What the user writes into the ``.gitignore`` later stays."""
    results_folder.prepare(tmp_path / "out")
    assert (tmp_path / "out" / ".gitignore").read_text(encoding="utf-8") == "*\n"
    (tmp_path / "out" / ".gitignore").write_text("runs\n", encoding="utf-8")
    results_folder.prepare(tmp_path / "out")
    assert (tmp_path / "out" / ".gitignore").read_text(encoding="utf-8") == "runs\n"


def test_a_file_where_the_results_belong_is_reported(tmp_path: Path) -> None:
    """Nothing is overwritten."""
    (tmp_path / "out").write_text("mine", encoding="utf-8")
    with pytest.raises(UnwritableError, match="move it away or choose another folder"):
        results_folder.prepare(tmp_path / "out")
    assert (tmp_path / "out").read_text(encoding="utf-8") == "mine"


def test_a_session_is_read_back_with_its_runs(tmp_path: Path) -> None:
    """The manifest and the file of each test belong together."""
    run = nouns.run([0.3, 0.4])
    path = results.write_run(tmp_path, run)
    written = results.write_manifest(tmp_path, manifest())
    stored = results.read_session(path.parent)
    assert written.parent == path.parent == tmp_path / "runs" / "session-2"
    assert stored.manifest == manifest()
    assert stored.runs(stored.tests[0]) == (run,)


def test_one_file_of_a_session_is_read_with_its_verdict(tmp_path: Path) -> None:
    """The manifest beside the file says what the gate said."""
    path = results.write_run(tmp_path, nouns.run([0.3]))
    other = nouns.stored_test(test_id="other", file="other.parquet", status="invalid", fails=True, moved=False)
    results.write_manifest(tmp_path, manifest(tests=(*manifest().tests, other)))
    stored = results.read_session(path)
    assert [(test.test_id, test.status) for test in stored.tests] == [(nouns.TEST_ID, "pass")]


def test_a_lone_file_is_a_session_without_verdicts(tmp_path: Path) -> None:
    """What was copied out of its session can still be compared and accepted."""
    path = results.write_run(tmp_path, nouns.run([0.3]))
    stored = results.read_session(path.rename(tmp_path / "a.parquet"))
    assert stored.manifest is None
    assert stored.tests == (
        nouns.stored_test(test_id=nouns.TEST_ID, file="a.parquet", status=None, fails=None, moved=False),
    )
    assert [run.test_id for run in stored.runs(stored.tests[0])] == [nouns.TEST_ID]


@pytest.mark.parametrize("name", ["", "runs", "gone"])
def test_a_path_without_a_session_says_what_to_name(tmp_path: Path, name: str) -> None:
    """The results folder itself holds many sessions, and is none."""
    measured(tmp_path, "a", nouns.STARTED_AT)
    with pytest.raises(StorageError, match=r"holds no session: name a folder with a session\.json"):
        results.read_session(tmp_path / name)


def test_the_latest_session_is_the_one_that_started_last(tmp_path: Path) -> None:
    """Neither the order of writing nor the name decides, and a session that measured nothing does not count."""
    last = measured(tmp_path, "a", "2026-03-04T00:00:00+00:00")
    measured(tmp_path, "z", "2026-03-03T00:00:00+00:00")
    results.write_manifest(tmp_path, manifest("empty", started_at="2026-03-05T00:00:00+00:00", tests=()))
    assert results.latest(tmp_path) == last


def test_without_a_run_the_message_says_what_to_run(tmp_path: Path) -> None:
    """Neither folder is there yet."""
    with pytest.raises(StorageError, match="holds no run yet: run 'pytest --llm-latency' first"):
        results.latest(tmp_path / ".llm-latency")


def test_the_last_sessions_are_kept(tmp_path: Path) -> None:
    """The oldest go, whole, with a run that no manifest names yet."""
    paths = [measured(tmp_path, f"s{day}", f"2026-03-0{day}T00:00:00+00:00") for day in (1, 2, 3)]
    (paths[0] / "late.parquet").write_bytes(b"")
    (paths[0] / ".1234.llm-latency.tmp").write_bytes(b"")
    assert results.prune_runs(tmp_path, keep=2) == (paths[0],)
    assert [path.exists() for path in paths] == [False, True, True]
    assert results.prune_runs(tmp_path, keep=2) == ()


def test_pruning_leaves_what_is_not_ours(tmp_path: Path) -> None:
    """Folders without a manifest, damaged manifests and the user's own files stay."""
    paths = [measured(tmp_path, f"s{day}", f"2026-03-0{day}T00:00:00+00:00") for day in (1, 2)]
    (paths[0] / "notes.txt").write_text("mine", encoding="utf-8")
    (tmp_path / "runs" / "data").mkdir()
    (tmp_path / "runs" / "broken").mkdir()
    (tmp_path / "runs" / "broken" / "session.json").write_text("{", encoding="utf-8")
    results.prune_runs(tmp_path, keep=1)
    left = sorted(path.relative_to(tmp_path / "runs").as_posix() for path in (tmp_path / "runs").rglob("*"))
    parquet = f"s2/{names.slug(nouns.TEST_ID)}.parquet"
    assert left == ["broken", "broken/session.json", "data", "s1", "s1/notes.txt", "s2", "s2/session.json", parquet]


def test_keeping_no_session_is_refused(tmp_path: Path) -> None:
    """The session under way is one of them."""
    with pytest.raises(UsageError, match="it must be at least 1"):
        results.prune_runs(tmp_path, keep=0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"format": 1}',
        '{"format": "1"}',
        '{"format": 1, "session_id": NaN}',
        "\udcff",
        "[" * 100_000,
    ],
    ids=["empty", "cut", "list", "null", "fields", "type", "nan", "bytes", "deep"],
)
def test_a_damaged_manifest_is_named(tmp_path: Path, text: str) -> None:
    """The message says which file and what to do."""
    path = measured(tmp_path, "a", nouns.STARTED_AT) / "session.json"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(CorruptFileError, match=r"session\.json is damaged .*remove its folder, or name another run"):
        results.latest(tmp_path)


def test_a_newer_manifest_asks_for_an_upgrade(tmp_path: Path) -> None:
    """The format's number is looked at first."""
    path = measured(tmp_path, "a", nouns.STARTED_AT) / "session.json"
    path.write_text('{"format": 3}', encoding="utf-8")
    with pytest.raises(NewerVersionError, match="upgrade pytest-llm-latency"):
        results.read_session(path.parent)


def test_a_manifest_of_the_format_before_is_read(tmp_path: Path) -> None:
    """Its sessions can still be compared and accepted; how they ended is not known."""
    path = measured(tmp_path, "a", nouns.STARTED_AT) / "session.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    del content["closed"], content["tests"][0]["baseline"]
    path.write_text(json.dumps(content | {"format": 1}), encoding="utf-8")
    assert results.read_session(path.parent).manifest == manifest("a")


def test_a_manifest_that_names_a_file_elsewhere_is_refused(tmp_path: Path) -> None:
    """A manifest from somebody else opens no other file."""
    path = measured(tmp_path, "a", nouns.STARTED_AT) / "session.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["tests"][0]["file"] = "../../../etc/passwd"
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(CorruptFileError, match="names a file outside of its folder"):
        results.read_session(path.parent)


@pytest.mark.parametrize("session_id", ["", "..", "a/b", ".hidden", "a b", "x" * 101])
def test_a_session_id_is_a_safe_folder_name(tmp_path: Path, session_id: str) -> None:
    """No id reaches outside of the results."""
    with pytest.raises(UsageError, match="is no folder name"):
        results.write_run(tmp_path, nouns.run([0.3], session_id=session_id))
