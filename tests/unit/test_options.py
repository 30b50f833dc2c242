"""The table of options: one row makes a flag, an ini key, a help text; and which source counts."""

import argparse
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_llm_latency import options
from pytest_llm_latency.errors import SettingsError
from pytest_llm_latency.options import BY_NAME, NO_FILE, OPTIONS, Option, SettingsFile, resolve

ROOT = Path("project").absolute()

# For each option a text that is read, the value, and a text that is refused where there is one.
TEXTS: dict[str, tuple[str, Any, str | None]] = {
    "config": ("ci/latency.yaml", ROOT / "ci" / "latency.yaml", None),
    "simulate": ("yes", True, "perhaps"),
    "simulate-profile": ("a/b.yaml", ROOT / "a" / "b.yaml", None),
    "simulate-slowdown": ("160%", 1.6, "0"),
    "environment": ("ci", "ci", " "),
    "baselines": ("kept", ROOT / "kept", None),
    "results": ("/elsewhere", Path("/elsewhere"), None),
    "ci": ("jenkins", "jenkins", "travis"),
    "accept": ("1", True, "2"),
    "reason": ("new prompt", "new prompt", " "),
    "keep": ("3", 3, "0"),
    "model": ("openai/gpt-4o", "openai/gpt-4o", " "),
    "requests": (" 40 ", 40, "-1"),
    "adaptive": ("true", True, "maybe"),
    "warmup": ("0", 0, "some"),
    "concurrency": ("8", 8, "1.5"),
    "load": ("20/s", "20/s", " "),
    "ramp-in": ("16", 16, "-1"),
    "prompts": ("a.txt", "a.txt", " "),
    "expected": ("true", True, "maybe"),
    "keep-answers": ("true", True, "maybe"),
    "nonce": ("true", True, "maybe"),
    "timeout": ("1.5", 1.5, "5 parsecs"),
    "retries": ("3", 3, "-1"),
    "retry-wait": ("200ms", 0.2, "0"),
    "http-version": ("2", "2", "1.0"),
    "requests-per-minute": ("90", 90.0, "0"),
    "tokens-per-minute": ("1e5", 100_000.0, "1e999"),
    "max-concurrency": ("50", 50, "0"),
    "budget-requests": ("500", 500, "0"),
    "budget-seconds": ("10min", 600.0, "0s"),
    "budget-tokens": ("100000", 100_000, "-1"),
    "budget-dollars": ("$0.50", 0.5, "nan"),
    "ab": ("https://api.example.com/v1", "https://api.example.com/v1", "localhost:8000"),
    "gate": ("ttft, tpot", ("ttft", "tpot"), "?"),
    "metrics": ("ttfo,tokens_out", ("ttfo", "tokens_out"), "?"),
    "percentiles": ("p50, 99", ("p50", "p99"), "?"),
    "limits": ("ttft.p95 < 1s,e2e.p95<20s", ("ttft.p95 < 1s", "e2e.p95<20s"), "ttft.p95 < 1"),
    "tolerance": ("20%", 0.2, "-5%"),
    "margin": ("0.5", 0.5, "0"),
    "alpha": ("1%", 0.01, "101%"),
    "slo": ("slo.json", ROOT / "slo.json", None),
    "error-limit": ("0", 0.0, "2"),
    "on-inconclusive": ("fail", "fail", "Fail"),
    "on-no-baseline": ("pass", "pass", "maybe"),
    "max-error": ("20ms", 0.02, "0"),
    "workers": ("parallel", "parallel", "together"),
    "prices": ("prices.yaml", ROOT / "prices.yaml", None),
    "monthly-requests": ("250000", 250_000, "0"),
    "listen": ("10.0.0.5", "10.0.0.5", " "),
    "region": ("eu", "eu", " "),
}


def resolved(
    *, flags: dict[str, Any] | None = None, ini: dict[str, str] | None = None, file: SettingsFile = NO_FILE
) -> options.Settings:
    """Resolve what these flags and ini keys say, by the options' names, and a settings file."""
    return resolve(
        command_line=lambda option: (flags or {}).get(option.name),
        ini=lambda option: (ini or {}).get(option.name),
        root=ROOT,
        file=file,
    )


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for option in OPTIONS:
        if option.variable:
            monkeypatch.delenv(option.variable, raising=False)


def test_names_flags_and_ini_keys_follow_one_rule() -> None:
    """No short flags, no underscores on the command line, no two options alike."""
    assert len(BY_NAME) == len(OPTIONS)
    for option in OPTIONS:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", option.name)
        assert option.flag == f"--llm-latency-{option.name}"
        assert option.ini == f"llm_latency_{option.name.replace('-', '_')}"
        own = {"config": "", "metrics": "metrics.show", "percentiles": "percentiles.show"}.get(option.name)
        assert own == option.key or re.fullmatch(rf"[a-z]+[.]{option.name.replace('-', '_')}", option.key)
    assert len({option.key for option in OPTIONS}) == len(OPTIONS)


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_a_help_text_is_a_phrase_that_argparse_can_print(option: Option) -> None:
    """A percent sign is written twice; a default is named where there is one that people see."""
    parser = argparse.ArgumentParser()
    parser.add_argument(option.flag, metavar=option.metavar, help=option.help)
    assert option.help[:1].islower() or option.help.startswith("'")
    assert not option.help.endswith(".")
    assert option.help.replace("%%", "%") in " ".join(parser.format_help().split())


def test_every_option_has_its_texts_here() -> None:
    """A new row brings its line."""
    assert list(TEXTS) == [option.name for option in OPTIONS]


@pytest.mark.parametrize("name", TEXTS)
def test_a_value_is_read_from_the_command_line_and_from_the_ini_file(name: str) -> None:
    """Only the command line makes it explicit; a flag without a value arrives as true."""
    text, value, _ = TEXTS[name]
    by_flag = resolved(flags={name: text if BY_NAME[name].metavar else True})
    by_ini = resolved(ini={name: text})
    assert by_flag[name] == by_ini[name] == value
    assert (by_flag.explicit, by_ini.explicit) == ({name}, frozenset())
    assert by_flag.from_command_line(name) == value
    assert by_ini.from_command_line(name) is None


@pytest.mark.parametrize("name", [name for name, (_, _, wrong) in TEXTS.items() if wrong])
def test_a_wrong_value_names_where_it_stands(name: str) -> None:
    """The flag or the ini key, and what would be right."""
    wrong = TEXTS[name][2]
    assert wrong is not None
    if BY_NAME[name].metavar:
        with pytest.raises(SettingsError, match=f"^--llm-latency-{name}: .*\\.$"):
            resolved(flags={name: wrong})
    with pytest.raises(SettingsError, match=f"^the ini key {BY_NAME[name].ini}: .*\\.$"):
        resolved(ini={name: wrong})


def test_without_anything_the_defaults_count() -> None:
    """Folders lie below the root."""
    settings = resolved()
    assert {name: settings[name] for name in ("alpha", "margin", "keep", "on-no-baseline", "requests")} == {
        "alpha": 0.05,
        "margin": 0.30,
        "keep": 5,
        "on-no-baseline": "warn",
        "requests": None,
    }
    assert settings["baselines"] == ROOT / "baselines"
    assert settings["results"] == ROOT / ".llm-latency"
    assert settings.explicit == frozenset()


@pytest.mark.parametrize("name", [option.name for option in OPTIONS if option.variable and option.default is None])
def test_a_variable_counts_after_the_flag_and_before_the_ini_file(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty one is as good as none."""
    variable = str(BY_NAME[name].variable)
    monkeypatch.setenv(variable, "from-variable")
    assert resolved(flags={name: "from-flag"}, ini={name: "from-ini"})[name] == "from-flag"
    assert resolved(ini={name: "from-ini"})[name] == "from-variable"
    monkeypatch.setenv(variable, "")
    assert resolved(ini={name: "from-ini"})[name] == "from-ini"


@pytest.mark.parametrize("name", ["environment", "region"])
def test_the_settings_file_counts_after_the_flag_and_before_all_else(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each value knows where it stands; a false one of the file counts as well."""
    key, variable = BY_NAME[name].key, str(BY_NAME[name].variable)
    values = {name: "from-file", "simulate": False}
    file = replace(NO_FILE, values=values, places={key: "latency.toml:4:1", "global.simulate": "latency.toml:2:1"})
    monkeypatch.setenv(variable, "from-variable")
    ini = {name: "from-ini", "simulate": "true", "keep": "3"}
    found = resolved(ini=ini, file=file)
    assert (found[name], found["simulate"], found.explicit) == ("from-file", False, frozenset())
    assert [found.origins[each] for each in (name, "simulate", "keep", "model")] == [
        "latency.toml:4:1",
        "latency.toml:2:1",
        "the ini key llm_latency_keep",
        "default",
    ]
    by_flag = resolved(flags={name: "from-flag"}, ini=ini, file=file)
    assert (by_flag[name], by_flag.origins[name]) == ("from-flag", BY_NAME[name].flag)
    assert resolved(ini=ini).origins[name] == f"the variable {variable}"


@pytest.mark.parametrize(
    ("flags", "ini", "label"),
    [
        ({}, {}, "default"),
        ({}, {"environment": "ci"}, "ci"),
        ({"simulate": True}, {}, "simulator"),
        ({"simulate": True}, {"environment": "ci"}, "simulator"),
        ({"simulate": True, "environment": "mine"}, {}, "mine"),
    ],
)
def test_a_dry_run_has_an_environment_of_its_own(flags: dict[str, Any], ini: dict[str, str], label: str) -> None:
    """Its baselines never mix with real ones, unless the command line says so."""
    assert resolved(flags=flags, ini=ini).environment == label


@pytest.mark.parametrize(("text", "value"), [("true", True), ("ON", True), ("no", False), ("off", False), ("", False)])
def test_an_ini_switch_can_be_on_and_off(text: str, *, value: bool) -> None:
    """In the words that ini files use; an empty one is off."""
    assert resolved(ini={"simulate": text})["simulate"] is value


def test_what_is_set_is_stored_as_json_has_it() -> None:
    """A path is its text, several values are a list, and what is not set is left out."""
    values = {"results": Path("out"), "gate": ("ttft", "e2e"), "keep": 5, "model": None}
    assert options.stated(values) == {"results": "out", "gate": ["ttft", "e2e"], "keep": 5}


def test_a_factor_is_not_called_a_share() -> None:
    """As in the slowdown of the simulator, which is written in either form."""
    with pytest.raises(SettingsError, match=r"'x' is not a factor above 0: write it as '1\.5' or '150%'\.$"):
        resolved(flags={"simulate-slowdown": "x"})


def test_an_ini_key_that_is_none_of_ours_is_refused_where_it_looks_like_one() -> None:
    """The framework only warns of it, and a mistyped bound on requests or dollars would cost what it was to save."""
    options.check_ini_keys(["llm_latency_requests", "addopts", "timeout"])
    with pytest.raises(
        SettingsError, match=r"^the ini key llm_latency_request is no option: .*'llm_latency_requests'\?$"
    ):
        options.check_ini_keys(["llm_latency_request"])
