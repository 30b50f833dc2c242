"""What the process and the machine say of themselves."""

import resource
from pathlib import Path

import pytest

from pytest_llm_latency.execution import machine
from pytest_llm_latency.execution.machine import Reading


def reading(**changes: float | None) -> Reading:
    """Return counters at one moment."""
    values = {"wall_s": 0.0, "cpu_s": 0.0, "busy_ticks": 0, "all_ticks": 0, "major_faults": 0, **changes}
    return Reading(**values)  # type: ignore[arg-type]  # (each is what its test says)


def test_the_shares_are_of_what_passed_in_between() -> None:
    """One of the process over the wall time, one of all processors over their ticks."""
    began = reading(wall_s=10.0, cpu_s=1.0, busy_ticks=500, all_ticks=1000)
    ended = reading(wall_s=14.0, cpu_s=2.0, busy_ticks=800, all_ticks=1400)
    assert machine.cpu_share(began, ended) == 0.25
    assert machine.machine_cpu_share(began, ended) == 0.75


@pytest.mark.parametrize(
    "ended",
    [reading(wall_s=0.1, busy_ticks=20, all_ticks=20), reading(busy_ticks=None, all_ticks=None)],
    ids=["too short", "unknown"],
)
def test_a_share_that_cannot_be_told_is_absent(ended: Reading) -> None:
    """The kernel counts in hundredths of a second, and other systems have no such counters."""
    assert machine.machine_cpu_share(reading(), ended) is None


def test_no_time_has_no_share() -> None:
    """Never a division by nothing."""
    assert machine.cpu_share(reading(), reading()) is None


def test_the_kernels_line_is_read_by_its_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Idle and waiting for a disk are not busy; a guest's time is counted in user already."""
    line = "cpu  100 10 50 700 40 5 5 90 60 6\ncpu0 1 1 1 1 1 1 1 1 1 1\n"
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: line)
    found = machine.read()
    assert (found.busy_ticks, found.all_ticks) == (260, 1000)


def test_the_limit_of_open_files_is_raised_for_a_while() -> None:
    """To the hard one, and put back."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(before[0], 512), before[1]))
    try:
        with machine.most_open_files():
            assert (machine.open_files_limit() or before[1]) > 512 or before[1] == 512
        assert machine.open_files_limit() == min(before[0], 512)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_too_many_connections_for_the_limit_are_named_before_they_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what they need, what there is and what to do."""
    monkeypatch.setattr(machine, "open_files_limit", lambda: 1024)
    monkeypatch.setattr(machine, "open_files", lambda: 36)
    assert machine.shortage(924) == ()
    (notice,) = machine.shortage(2000)
    assert notice.code == "open_files"
    assert "2,000 requests at once need about 2,100 open files, and the process may open 1,024" in notice.message
    assert "ulimit -n" in notice.message


@pytest.mark.parametrize(("limit", "opened", "users"), [(None, 9, 9000), (1024, None, 9000), (1024, 9, None)])
def test_what_is_unknown_warns_of_nothing(
    monkeypatch: pytest.MonkeyPatch, limit: int | None, opened: int | None, users: int | None
) -> None:
    """No limit, a system that does not count, an open loop."""
    monkeypatch.setattr(machine, "open_files_limit", lambda: limit)
    monkeypatch.setattr(machine, "open_files", lambda: opened)
    assert machine.shortage(users) == ()


def test_an_open_file_is_counted(tmp_path: Path) -> None:
    """The one that is needed to count is not."""
    before = machine.open_files()
    with (tmp_path / "file").open("w"):
        during = machine.open_files()
    assert before is not None
    assert during == before + 1
