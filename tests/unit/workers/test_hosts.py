"""What is checked before workers are started on other hosts."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from execnet import XSpec

from pytest_llm_latency.errors import SettingsError
from pytest_llm_latency.workers import hosts

LOCAL, SSH = XSpec("popen"), XSpec("ssh=-p 2222 me@eu//chdir=/srv/chat")
THROUGH, CHOSEN = XSpec("popen//via=eu"), XSpec("popen//chdir=/srv/chat")


def test_workers_of_other_hosts_need_an_address_that_they_reach() -> None:
    """Those of this machine do not; what was named is its user's to answer for."""
    with pytest.raises(SettingsError, match=r"the workers on me@eu cannot reach .* --llm-latency-listen=10\.0\.0\.5"):
        hosts.check_address([LOCAL, SSH], "127.0.0.1", named=False)
    with pytest.raises(SettingsError, match="the workers on eu cannot reach"):
        hosts.check_address([THROUGH], "127.0.0.1", named=False)
    hosts.check_address([LOCAL, CHOSEN], "127.0.0.1", named=False)
    hosts.check_address([SSH], "controller.example", named=True)


def test_an_address_must_be_one() -> None:
    """Nobody connects to all of them."""
    with pytest.raises(SettingsError, match=r"0\.0\.0\.0 is no address that workers can connect to"):
        hosts.check_address([LOCAL], "0.0.0.0", named=True)


@pytest.mark.parametrize("spec", [SSH, THROUGH, CHOSEN])
def test_paths_are_refused_where_a_worker_runs_in_another_folder(
    spec: XSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a message that says what else to write."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tests").mkdir()
    with pytest.raises(SettingsError, match=r"tests::test_a stands on the command line.* testpaths"):
        hosts.check_arguments([LOCAL, spec], ["-q", "tests::test_a"])
    hosts.check_arguments([LOCAL, spec], ["-q", "--results=tests", "-k", "chat"])
    hosts.check_arguments([LOCAL], ["tests"])


def test_nothing_is_copied_that_nobody_asked_to_copy() -> None:
    """A later xdist has nothing to copy, and none is there without workers."""
    manager = SimpleNamespace(roots=["pytest"])
    hosts.copy_nothing(manager, asked=True)
    assert manager.roots == ["pytest"]
    hosts.copy_nothing(manager, asked=False)
    assert manager.roots == []
    hosts.copy_nothing(None, asked=False)
