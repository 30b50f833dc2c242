"""What was said of a test is stored as it was, and damage is never silent."""

import math
from pathlib import Path

import msgpack
import pytest

import nouns
import sessions
from pytest_llm_latency.errors import CorruptFileError, StorageError
from pytest_llm_latency.model import Result
from pytest_llm_latency.storage import judged

SESSIONS = [session for make in sessions.SESSIONS.values() for session in make()[0].results]
INFINITE = nouns.result(
    "regressed",
    comparisons=(nouns.comparison("ttft", "regressed", ratio=math.inf, interval=(1.5, math.inf)),),
    reasons=("half \udc80",),
)


@pytest.mark.parametrize("result", [*SESSIONS, INFINITE])
def test_a_result_comes_back_as_it_was(tmp_path: Path, result: Result) -> None:
    """With its infinities, the order of its mappings, and text that UTF-8 cannot hold."""
    path = tmp_path / "a.msgpack"
    judged.write(path, result)
    found = judged.read(path)
    assert found == result
    assert [list(each.errors) for each in found.summaries] == [list(each.errors) for each in result.summaries]


def test_a_damaged_result_is_named_wherever_the_damage_is(tmp_path: Path) -> None:
    """One changed byte, or a file that was cut off."""
    path = tmp_path / "a.msgpack"
    judged.write(path, INFINITE)
    whole = path.read_bytes()
    for at in range(0, len(whole), 97):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        with pytest.raises(CorruptFileError, match=r"a\.msgpack .*judge its run again with"):
            judged.read(path)
        path.write_bytes(whole[:at])
        with pytest.raises(CorruptFileError, match=r"a\.msgpack is damaged"):
            judged.read(path)


def test_a_result_of_another_version_or_none_is_told_from_damage(tmp_path: Path) -> None:
    """What it lacks is named, with what to do."""
    path = tmp_path / "a.msgpack"
    with pytest.raises(StorageError, match=r"cannot be read \(No such file or directory\): judge its run again"):
        judged.read(path)
    judged.write(path, INFINITE)
    tree = judged._unpack(msgpack.unpackb(path.read_bytes())["result"])
    del tree["workers"]
    packed = judged._pack(tree)
    path.write_bytes(judged._pack({"sha256": judged.hashlib.sha256(packed).hexdigest(), "result": packed}))
    with pytest.raises(StorageError, match=r"was written by another version \(a Result lacks workers\): judge its"):
        judged.read(path)
