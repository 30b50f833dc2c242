"""What is checked and started before anything is measured."""

from pathlib import Path
from typing import Any

import pytest

from pytest_llm_latency import preparing
from pytest_llm_latency.errors import SettingsError
from pytest_llm_latency.options import Option, Settings, resolve
from pytest_llm_latency.simulator import process


def settings(root: Path, **flags: Any) -> Settings:
    """Return settings with these flags."""

    def given(option: Option) -> Any:
        return flags.get(option.name.replace("-", "_"))

    return resolve(command_line=given, ini=lambda _: None, root=root)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({"simulate": True, "simulate_slowdown": "2"}, None),
        ({"simulate": True}, None),
        ({}, None),
        ({"simulate_slowdown": "2"}, "^--llm-latency-simulate-slowdown needs --llm-latency-simulate.$"),
        ({"simulate_profile": "x.json"}, "^--llm-latency-simulate-profile needs --llm-latency-simulate.$"),
        ({"simulate": True, "simulate_profile": "x.json"}, "x.json does not exist: check its path.$"),
    ],
)
def test_the_simulators_options_are_checked_before_it_starts(
    tmp_path: Path, flags: dict[str, Any], expected: str | None
) -> None:
    """An ini file may keep a profile for the runs that simulate."""
    if expected is None:
        preparing.check_simulator_options(settings(tmp_path, **flags))
        return
    with pytest.raises(SettingsError, match=expected):
        preparing.check_simulator_options(settings(tmp_path, **flags))


def test_a_profile_of_the_ini_file_waits_for_its_switch(tmp_path: Path) -> None:
    """It is not even read without it."""
    found = resolve(
        command_line=lambda _: None,
        ini=lambda option: "x.json" if option.name == "simulate-profile" else None,
        root=tmp_path,
    )
    preparing.check_simulator_options(found)


@pytest.mark.parametrize(
    ("content", "slowdown", "expected"),
    [
        (None, None, {}),
        (None, "160%", {"slowdown": 1.6}),
        ("slowdown: 3\nseed: 7\n", None, {"slowdown": 3, "seed": 7}),
        ("slowdown: 3\n", "2", {"slowdown": 6.0}),
    ],
)
def test_the_simulator_starts_with_the_profile_and_both_slowdowns(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: str | None,
    slowdown: str | None,
    expected: dict[str, object],
) -> None:
    """They multiply."""
    started: list[object] = []
    monkeypatch.setattr(process, "SimulatorProcess", lambda content, host: started.append((content, host)))
    flags: dict[str, Any] = {"simulate": True, "simulate_slowdown": slowdown, "listen": "10.0.0.5"}
    if content is not None:
        (tmp_path / "profile.yaml").write_text(content, encoding="utf-8")
        flags["simulate_profile"] = "profile.yaml"
    preparing.start_simulator(settings(tmp_path, **flags))
    assert started == [(expected, "10.0.0.5")]
