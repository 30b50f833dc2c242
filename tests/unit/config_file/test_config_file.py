"""Settings files: found, refused whole, or read with every mistake in its place."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_llm_latency import config_file
from pytest_llm_latency.config_file import keys
from pytest_llm_latency.errors import SettingsError
from pytest_llm_latency.options import CONFIG, NO_FILE, OPTIONS, SettingsFile

SECRET = "sk-secret-0123456789"
BASE_URL = "write it as in 'https://gateway.example.com/v1'."


@pytest.fixture
def said(tmp_path: Path) -> Callable[..., SettingsFile]:
    """Return what reads a text as a settings file."""

    def read(text: str, name: str = "llm-latency.yaml") -> SettingsFile:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return config_file.load(tmp_path, None)

    return read


@pytest.fixture
def mistakes(said: Callable[..., SettingsFile]) -> Callable[..., list[str]]:
    """Return what reads a text that is wrong, and returns what is said of it."""

    def read(text: str, name: str = "llm-latency.yaml") -> list[str]:
        with pytest.raises(SettingsError) as caught:
            said(text, name)
        lines = [line.strip() for line in str(caught.value).splitlines()]
        return lines[1:] if len(lines) > 1 else lines

    return read


# Where it lies.


@pytest.mark.parametrize("name", config_file.NAMES)
def test_a_file_of_each_name_is_found_and_says_the_same(said: Callable[..., SettingsFile], name: str) -> None:
    """JSON is read as JSON, with tabs; the places differ."""
    texts = {
        ".json": '{\n\t"profiling": {"requests": 40, "load": "20/s"},\n\t"gate": {"accept": false, "tolerance": 0.2}}',
        ".toml": "[profiling]\nrequests = 40\nload = '20/s'\n[gate]\naccept = false\ntolerance = 0.2\n",
    }
    yaml = "profiling: {requests: 40, load: 20/s}\ngate:\n  accept: false\n  tolerance: 20%\n"
    found = said(texts.get(Path(name).suffix, yaml), name)
    assert found.values == {"requests": 40, "load": "20/s", "accept": False, "tolerance": 0.2}
    assert found.path is not None
    assert found.path.name == name
    assert all(place.startswith(f"{name}:") for place in found.places.values())


def test_the_table_of_a_project_is_one_too(said: Callable[..., SettingsFile], tmp_path: Path) -> None:
    """A project without the table has none, and a name in its dependencies is no table."""
    assert said("[project]\ndependencies = ['pytest-llm-latency']\n", "pyproject.toml") is NO_FILE
    found = said("[project]\nname = 'x'\n[tool.pytest-llm-latency.gate]\nalpha = 0.1\n", "pyproject.toml")
    assert (found.values, found.places) == ({"alpha": 0.1}, {"gate.alpha": "pyproject.toml:4:1"})
    with pytest.raises(SettingsError, match=r"^other\.toml: .*|has no table|there is no settings file"):
        config_file.load(tmp_path, tmp_path / "other.toml")


def test_two_files_at_once_are_refused_and_both_are_named(
    said: Callable[..., SettingsFile], mistakes: Callable[..., list[str]], tmp_path: Path
) -> None:
    """Unless the command line names one."""
    said("gate: {alpha: 0.1}\n", "llm-latency.yml")
    (message,) = mistakes("[tool.pytest-llm-latency]\ngate.alpha = 0.2\n", "pyproject.toml")
    assert "several settings files, llm-latency.yml and pyproject.toml:" in message
    assert config_file.load(tmp_path, tmp_path / "pyproject.toml").values == {"alpha": 0.2}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.yaml", b"", "a.yaml is empty: write settings into it"),
        ("a.json", b"{}", "a.json is empty"),
        ("a.yaml", b"# nothing\n", "a.yaml is empty"),
        ("a.txt", b"x", "a.txt: a settings file ends with .yaml, .yml, .json, .toml: rename"),
        ("a.yaml", b"\xff\xfe", "a.yaml is not UTF-8: save it"),
        ("a.yaml", b"- 1", "a.yaml:1:1: the file is a list: it must be a mapping."),
        ("a.yaml", b"[" * 1000, "a.yaml is nested too deeply"),
        ("a.json", b"[" * 100_000, "a.json is nested too deeply"),
        ("a.yaml", b"gate: {alpha: 1\nb: }", "a.yaml:2:2: expected ',' or '}'"),
        ("a.yaml", b"gate: !!python/name:os.system x", "a.yaml:1:7: could not determine a constructor"),
        ("a.yaml", b"gate:\n  alpha: \x00", "a.yaml:2:10: the character U+0000 is not allowed: write it as YAML."),
        ("a.json", b'{\n "gate" 1\n}', "a.json:2:9: Expecting ':' delimiter"),
        ("a.json", b'{"gate": {"alpha": NaN}}', "a.json: NaN is no number of JSON: write it as JSON."),
        ("a.toml", b"[gate]\nalpha = \n", "a.toml:2:9: Invalid value: write it as TOML."),
        ("a.toml", b"[gate]\nalpha = 1\nalpha = 2", "a.toml:3: Cannot overwrite a value"),
    ],
)
def test_a_file_that_is_none_is_told_with_its_place(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    """In one message, whatever it holds."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        config_file.read(tmp_path / name, tmp_path)
    assert str(caught.value).startswith(message)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


def test_a_large_file_a_folder_and_none_at_all_are_refused_before_they_are_read(tmp_path: Path) -> None:
    """A file of 50 MB takes no time."""
    large, folder = tmp_path / "a.yaml", tmp_path / "b.yaml"
    with large.open("wb") as stream:
        stream.truncate(50_000_000)
    folder.mkdir()
    for path, message in (
        (large, "has 50,000 kB, above the 200 kB"),
        (folder, "is a folder"),
        (tmp_path / "c.yaml", ""),
        (tmp_path / f"{'x' * 300}.yaml", "cannot be read .*: check its permissions"),
    ):
        with pytest.raises(SettingsError, match=message or "there is no settings file"):
            config_file.read(path, tmp_path)


# What is wrong in it.


def test_every_mistake_is_told_with_line_column_and_the_nearest_right_name(
    mistakes: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them in one message, in the order of the file."""
    monkeypatch.delenv("GONE", raising=False)
    told = mistakes("""\
globl: {}
global:
  simulate: 1
  region: 1.10
  environment: 2024-01-31
profiling:
  requests: many
  ramp-in: 3
  timeout: ${GONE}
  requests: 4
  tolerance: 5%
  load: evning
  prompts: 2024-02-31
  ab:
load_profiles:
  20/s: {load: closed}
  evening: poison 20/s
  night: {load: closed, concurrencyx: 2}
providers:
  opena: {base_url: localhost}
""")
    assert told == [
        "llm-latency.yaml:1:1: globl is no setting: did you mean 'global'?",
        "llm-latency.yaml:3:13: global.simulate is 1, a number: it must be true or false.",
        "llm-latency.yaml:4:11: global.region is 1.1, a number: it must be a text. Put it in quotes.",
        "llm-latency.yaml:5:16: global.environment is 2024-01-31, a date: it must be a text. Put it in quotes.",
        "llm-latency.yaml:8:3: profiling.ramp-in is no setting: did you mean 'ramp_in'?",
        "llm-latency.yaml:9:12: profiling.timeout: the variable GONE is not set: set it, or write ${GONE:-default}.",
        "llm-latency.yaml:10:3: the key 'requests' stands in line 7 already: keep one of the two.",
        "llm-latency.yaml:11:3: profiling.tolerance is no setting: did you mean 'gate.tolerance'?",
        "llm-latency.yaml:12:9: profiling.load: 'evning' is no load profile: did you mean 'evening'?",
        "llm-latency.yaml:13:12: '2024-02-31' is no value (day is out of range for month): put it in quotes.",
        "llm-latency.yaml:14:6: profiling.ab is empty: it must be a model or a base URL.",
        "llm-latency.yaml:16:3: load_profiles.20/s: '20/s' is a load shape: give the profile another name.",
        "llm-latency.yaml:17:12: load_profiles.evening: load='poison 20/s' is not a load: did you mean 'poisson 20/s'?",
        "llm-latency.yaml:18:25: load_profiles.night.concurrencyx is no setting: did you mean 'concurrency'?",
        "llm-latency.yaml:20:3: providers.opena: there is no such provider: did you mean 'openai'?",
        f"llm-latency.yaml:20:21: providers.opena.base_url: 'localhost' is no base URL: {BASE_URL}",
    ]


def test_json_and_toml_tell_the_place_of_each_key_too(mistakes: Callable[..., list[str]], tmp_path: Path) -> None:
    """A key that JSON has twice is one of them; TOML's parser refuses those itself."""
    text = '{\n\t"profiling": {"requests": 4, "requests": 5,\n  "loadx": ["x", {}]},\n "providers": {"openai": []}}'
    assert mistakes(text, "llm-latency.json") == [
        "llm-latency.json:2:31: the key 'requests' stands in line 2 already: keep one of the two.",
        "llm-latency.json:3:3: profiling.loadx is no setting: did you mean 'load'?",
        "llm-latency.json:4:26: providers.openai is a list: it must be a mapping.",
    ]
    (tmp_path / "llm-latency.json").unlink()
    text = (
        "[profiling]\nloadx = 1\n[global]\nmodel = 1979-05-27\nproviders.x = 1\n[load_profiles]\nx = {requestz = 1}\n"
    )
    assert mistakes(text, "llm-latency.toml") == [
        "llm-latency.toml:2:1: profiling.loadx is no setting: did you mean 'load'?",
        "llm-latency.toml:4:1: global.model is 1979-05-27, a date: it must be a text. Put it in quotes.",
        "llm-latency.toml:5:1: global.providers is no setting: it is a section of its own: write it at the top.",
        "llm-latency.toml:7:6: load_profiles.x.requestz is no setting: did you mean 'requests'?",
    ]


def test_names_that_cannot_be_those_of_providers_and_profiles_are_refused(mistakes: Callable[..., list[str]]) -> None:
    """Their settings would count for nothing."""
    text = "providers: {openai/gpt-4o: {}, '': {}}\nload_profiles: {poisson x: {}}"
    word = "a provider is named as before the slash of a model, as in 'openai'."
    assert mistakes(text) == [
        f"llm-latency.yaml:1:13: providers.openai/gpt-4o: {word}",
        f"llm-latency.yaml:1:32: providers.: {word}",
        "llm-latency.yaml:2:17: load_profiles.poisson x: 'poisson' begins a load shape: give the profile another name.",
    ]


def test_a_file_of_mistakes_names_the_first_of_them(mistakes: Callable[..., list[str]]) -> None:
    """And how many others there are."""
    told = mistakes("profiling:\n" + "".join(f"  x{number}: 1\n" for number in range(30)))
    assert len(told) == 21
    assert told[-1] == "and 10 others: mend these first."


def test_yaml_that_repeats_itself_by_anchors_is_read_once(
    said: Callable[..., SettingsFile], mistakes: Callable[..., list[str]]
) -> None:
    """What is merged may be overridden; a value that contains itself, or a key that is no text, is a mistake."""
    found = said("load_profiles:\n  a: &a {load: closed, requests: 7}\n  b: {<<: *a, requests: 8}\n")
    assert found.load_profiles == {"a": {"load": "closed", "requests": 7}, "b": {"load": "closed", "requests": 8}}
    assert "the value contains itself" in mistakes("profiling: &a\n  load: *a\n")[0]
    assert mistakes("on: 1\n? [a]\n: 2\n") == [
        "llm-latency.yaml:1:1: the key 'on' is no text to YAML: put it in quotes.",
        "llm-latency.yaml:2:3: a key of several values is no text to YAML: put it in quotes.",
    ]
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60))
    assert len(mistakes(bomb)) == 21


def test_a_list_is_read_as_the_command_line_writes_it(
    said: Callable[..., SettingsFile], mistakes: Callable[..., list[str]]
) -> None:
    """Each of its texts is checked; an empty one is what the command line calls none."""
    found = said("metrics: {gate: [ttft, tpot]}\ngate: {limits: 'ttft.p95 < 1s'}\n")
    assert found.values == {"gate": ("ttft", "tpot"), "limits": ("ttft.p95 < 1s",)}
    assert said("metrics: {gate: none}").values == said("metrics: {gate: []}").values == {"gate": ()}
    assert said("percentiles: {show: [50, p99]}").values == {"percentiles": ("p50", "p99")}
    assert mistakes("metrics:\n  gate: [tttf]\ngate:\n  limits: ['ttft.p59 < 1s', {}]\n") == [
        "llm-latency.yaml:2:9: metrics.gate: 'tttf' is no metric that is compared: did you mean 'ttft'?",
        "llm-latency.yaml:4:11: gate.limits: the limit 'ttft.p59 < 1s' names the statistic 'p59': did you mean 'p50'?",
        "llm-latency.yaml:4:29: gate.limits[1] is a mapping: it must be a text.",
    ]


# Variables and secrets.


def test_variables_are_expanded_and_a_wrong_value_shows_none_of_them(
    said: Callable[..., SettingsFile], mistakes: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A number may be in one; a message has the variable's name alone."""
    monkeypatch.setenv("COUNT", "12")
    monkeypatch.setenv("KEY", SECRET)
    found = said(
        "profiling: {requests: '${COUNT}', warmup: '${NO_SUCH_COUNT:-3}', budget_dollars: $0.50, prompts: a$$b}"
    )
    assert found.values == {"requests": 12, "warmup": 3, "budget-dollars": 0.5, "prompts": "a$b"}
    for text in (
        "profiling: {requests: '${KEY}'}",
        "metrics: {gate: [ttft, '${KEY}', e2e]}",
        "profiling: {load: 'ramp ${KEY}'}",
        "load_profiles: {x: 'burst ${KEY}'}",
        "providers: {openai: {base_url: 'x${KEY}'}}",
    ):
        (message,) = mistakes(text)
        assert "${KEY}" in message
        assert SECRET not in message


def test_a_key_stands_in_a_variable_and_shows_nowhere(
    said: Callable[..., SettingsFile], mistakes: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is written into the file is refused, and not repeated; ``none`` is no secret."""
    monkeypatch.setenv("KEY", SECRET)
    found = said("providers: {openai: {api_key: '${KEY}', max_concurrency: 2}, hosted_vllm: {api_key: none}}")
    assert found.providers["openai"].api_key == SECRET
    assert found.providers["hosted_vllm"].api_key == "none"
    assert SECRET not in repr(found)
    for literal in (SECRET, f"${{KEY:-{SECRET}}}", f"x${{KEY}}{SECRET}"):
        (message,) = mistakes(f"providers: {{openai: {{api_key: '{literal}'}}}}")
        assert "a secret does not belong into a file" in message
        assert SECRET not in message


# The table, both ways.


def test_every_option_has_its_key_and_every_key_its_option() -> None:
    """But the option that names the file, and the keys of what has a name of its author's choice."""
    found = {
        f"{section}.{key.name}": key.option for section, known in keys.OF_OPTIONS.items() for key in known.values()
    }
    assert found == {option.key: option for option in OPTIONS if option is not CONFIG}


@pytest.mark.parametrize("option", [option for option in OPTIONS if option is not CONFIG], ids=lambda each: each.name)
def test_every_option_is_read_from_its_key(said: Callable[..., SettingsFile], option: object) -> None:
    """With a value of the plainest type that it takes."""
    assert isinstance(option, type(CONFIG))
    plain = {bool: True, int: 3, list: ["x"]}
    value = PLAIN.get(option.name, "x" if not option.read.plain else plain[option.read.plain[0]])
    section, _, name = option.key.partition(".")
    found = said(json.dumps({section: {name: value}}), "llm-latency.json")
    assert set(found.values) == {option.name}
    assert found.places == {option.key: f"llm-latency.json:1:{len(section) + len(name) + 11}"}


# Values of those that do not take just any text or number.
PLAIN: dict[str, object] = {
    "ci": "github",
    "alpha": 0.1,
    "error-limit": 0.1,
    "gate": ["ttft", "tpot"],
    "http-version": "2",
    "metrics": ["tpot"],
    "percentiles": ["p50", "p99"],
    "limits": ["ttft.p95 < 1s", "error_rate < 1%"],
    "load": "20/s",
    "on-inconclusive": "fail",
    "on-no-baseline": "pass",
    "workers": "parallel",
}
