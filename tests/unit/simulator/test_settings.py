"""The simulator's settings are read from a mapping or a file, and every wrong one is named."""

import math
import re
from pathlib import Path

import pytest
import yaml

from pytest_llm_latency.errors import SettingsError
from pytest_llm_latency.simulator.faults import Fault
from pytest_llm_latency.simulator.profiles import (
    Bimodal,
    Drift,
    Fixed,
    LogNormal,
    Profile,
    Shape,
    SimulatorSettings,
    Tail,
)
from pytest_llm_latency.simulator.settings import load_settings, read_settings

YAML = """
seed: 7
slowdown: 1.5
profiles:
  gpt-4o*:
    ttft: {kind: lognormal, median_s: 300ms, sigma: 0.3}
    inter_token: 20ms
    output_tokens: 60
    tokens_per_chunk: 2
    ttft_per_1000_prompt_tokens_s: 0.05
    drift: {factor: 2, over_requests: 500}
    tail: {share: 2%, factor: 4}
    reasoning_tokens: 9
    cached_share: 50%
    cache_written_share: 0.25
  claude*:
    ttft: {kind: bimodal, median_s: 0.2, second_median_s: 0.9, second_share: 0.1, sigma: 0}
faults:
  - {kind: rate_limit, every: 10, retry_after_s: 2}
  - {kind: reset, point: inside_event, share: 1%}
wire:
  gpt*: {fragment: 7, coalesce: 2, comments: true, line_ends: crlf, encoding: gzip, text: unicode}
"""


def test_a_yaml_file_states_everything(tmp_path: Path) -> None:
    """Durations may be numbers of seconds or texts with a unit, shares may be percentages."""
    path = tmp_path / "simulator.yaml"
    path.write_text(YAML, encoding="utf-8")
    assert read_settings(load_settings(path)) == SimulatorSettings(
        seed=7,
        slowdown=1.5,
        profiles={
            "gpt-4o*": Profile(
                ttft=LogNormal(median_s=0.3, sigma=0.3),
                inter_token=Fixed(value_s=0.02),
                output_tokens=60,
                tokens_per_chunk=2,
                ttft_per_1000_prompt_tokens_s=0.05,
                drift=Drift(factor=2.0, over_requests=500),
                tail=Tail(share=0.02, factor=4.0),
                reasoning_tokens=9,
                cached_share=0.5,
                cache_written_share=0.25,
            ),
            "claude*": Profile(ttft=Bimodal(median_s=0.2, second_median_s=0.9, second_share=0.1, sigma=0.0)),
        },
        faults=(
            Fault(kind="rate_limit", every=10, retry_after_s=2.0),
            Fault(kind="reset", point="inside_event", share=0.01),
        ),
        wire={"gpt*": Shape(fragment=7, coalesce=2, comments=True, line_ends="crlf", encoding="gzip", text="unicode")},
    )


def test_a_json_file_and_an_empty_file_are_settings_too(tmp_path: Path) -> None:
    """What a file leaves out keeps its default."""
    (tmp_path / "a.json").write_text('{"seed": 3}', encoding="utf-8")
    (tmp_path / "b.yaml").write_text("", encoding="utf-8")
    assert read_settings(load_settings(tmp_path / "a.json")) == SimulatorSettings(seed=3)
    assert read_settings(load_settings(tmp_path / "b.yaml")) == SimulatorSettings()


def test_the_settings_in_the_documentation_are_sound() -> None:
    """Every one of its files in YAML."""
    page = Path(__file__).parents[3] / "docs" / "how-to" / "use-the-simulator.md"
    found = re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert len(found) >= 3
    for text in found:
        read_settings(yaml.safe_load(text))


def profile(**content: object) -> dict[str, object]:
    """Build settings with one profile."""
    return {"profiles": {"m": content}}


def fault(**content: object) -> dict[str, object]:
    """Build settings with one fault."""
    return {"faults": [content]}


def wire(**content: object) -> dict[str, object]:
    """Build settings with one form of bodies."""
    return {"wire": {"m": content}}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "the settings is []: it must be a mapping of names to values."),
        ({"sede": 1}, "sede is no setting: did you mean 'seed'?"),
        ({"seed": 1.5}, "seed is 1.5: it must be a whole number."),
        ({"seed": True}, "seed is True: it must be a whole number."),
        ({"slowdown": 0}, "slowdown is 0: it must be a number above 0."),
        ({"slowdown": math.nan}, "slowdown is nan: it must be a number above 0."),
        ({"slowdown": math.inf}, "slowdown is inf: it must be a number above 0."),
        ({"profiles": []}, "profiles is []: it must be a mapping of names to values."),
        ({"profiles": {"": {}}}, "profiles is '': it must be a text."),
        (profile(tft=1), "profiles['m'].tft is no setting: did you mean 'ttft'?"),
        (profile(ttft=-1), "profiles['m'].ttft is -1: it must be a number of at least 0."),
        (profile(ttft="fast"), "profiles['m'].ttft: 'fast' is not a duration: "),
        (profile(ttft={"median_s": 1}), "profiles['m'].ttft.kind is None: known are fixed, lognormal, bimodal."),
        (profile(ttft={"kind": "log"}), "profiles['m'].ttft.kind is 'log': known are"),
        (profile(ttft={"kind": "lognormal"}), "profiles['m'].ttft lacks median_s: state it."),
        (
            profile(ttft={"kind": "lognormal", "median_s": 0}),
            "profiles['m'].ttft.median_s is 0.0: it must be a number above 0.",
        ),
        (
            profile(ttft={"kind": "lognormal", "median_s": 1, "sigma": -0.1}),
            "profiles['m'].ttft.sigma is -0.1: it must be a number of at least 0.",
        ),
        (profile(output_tokens=0), "profiles['m'].output_tokens is 0: it must be a whole number of at least 1."),
        (profile(drift={"factor": 2}), "profiles['m'].drift: state one of over_requests and over_s."),
        (profile(tail={"share": 2, "factor": 2}), "profiles['m'].tail.share is 2: it must be a share from 0 to 1"),
        ({"faults": {}}, "faults is {}: it must be a list of faults."),
        (fault(kind="rate_limits", every=1), "faults[0].kind is 'rate_limits': did you mean 'rate_limit'?"),
        (fault(kind="stall"), "faults[0]: state one of share and every."),
        (fault(kind="stall", share=0.1, every=2), "faults[0]: state one of share and every."),
        (fault(every=2), "faults[0] lacks kind: state it."),
        (fault(kind="stall", every=0), "faults[0].every is 0: it must be a whole number of at least 1."),
        (fault(kind="reset", every=1), "faults[0] lacks point: state one of connect, before_headers, in_headers,"),
        (fault(kind="malformed", point="in_headers", every=1), "faults[0].point is for reset, close, stall, garbage:"),
        (fault(kind="reset", point="in_header", every=1), "faults[0].point is 'in_header': did you mean 'in_headers'?"),
        (fault(kind="reset", point=[], every=1), "faults[0].point is []: known are connect, before_headers"),
        (wire(fragment=0), "wire['m'].fragment is 0: it must be a whole number of at least 1."),
        (wire(comments=1), "wire['m'].comments is 1: it must be true or false."),
        (wire(encoding="gz"), "wire['m'].encoding is 'gz': "),
        (wire(line_end="crlf"), "wire['m'].line_end is no setting: did you mean 'line_ends'?"),
        (
            profile(reasoning_tokens=-1),
            "profiles['m'].reasoning_tokens is -1: it must be a whole number of at least 0.",
        ),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_allowed(content: object, message: str) -> None:
    """The message begins with the place and ends with the remedy."""
    with pytest.raises(SettingsError) as caught:
        read_settings(content)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.json", '{"seed": ', "is not sound"),
        (
            "a.yaml",
            "seed: [",
            r"is not sound \(line 1, column 8: expected the node content, but found '<stream end>'\)",
        ),
        ("a.yaml", "- seed", "it must be a mapping"),
        ("a.yaml", "sed: 1", "a.yaml: sed is no setting"),
        ("a.yaml", b"\xff\xfe\x00", "cannot be read"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, name: str, text: str | bytes, message: str) -> None:
    """The message has the file's path."""
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SettingsError, match=message) as caught:
        load_settings(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A path that leads nowhere is the user's to correct."""
    with pytest.raises(SettingsError, match="does not exist: check its path"):
        load_settings(tmp_path / "none.yaml")
