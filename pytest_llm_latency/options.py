"""The table of options: one row makes the command-line flag, the ini key, the help and the docs page."""

import math
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from pytest_llm_latency import interleaving, plan, units
from pytest_llm_latency.errors import LatencyError, SettingsError

Policy = Literal["warn", "fail", "pass"]
POLICIES: tuple[Policy, ...] = ("warn", "fail", "pass")
CIS = ("auto", "github", "gitlab", "jenkins", "none")
Workers = Literal["gang", "parallel"]
WORKERS: tuple[Workers, ...] = ("gang", "parallel")
SIMULATOR_ENVIRONMENT = "simulator"
_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0", ""})


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One row. ``read`` turns the text of the user into the value; ``None`` as default means unset.

    ``metavar`` is ``None`` for a flag that takes no value. ``variable`` is an environment variable
    that stands in when neither the command line nor the ini file sets the option.
    """

    name: str
    read: Callable[[str], Any]
    default: Any
    metavar: str | None
    help: str
    variable: str | None = None

    @property
    def flag(self) -> str:
        """The command-line flag."""
        return f"--llm-latency-{self.name}"

    @property
    def ini(self) -> str:
        """The ini key; also the attribute of pytest's parsed options."""
        return f"llm_latency_{self.name.replace('-', '_')}"


def _count(least: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not re.fullmatch(r"\s*\d+\s*", text) or int(text) < least:
            raise SettingsError(f"{text!r} is not a whole number of at least {least}.")
        return int(text)

    return read


def _share(text: str) -> float:
    share = units.parse_percent(text)
    if not 0 <= share <= 1:
        raise SettingsError(f"{text!r} is not a share between 0 % and 100 %.")
    return share


def _factor(text: str) -> float:
    try:
        return _positive(text)
    except SettingsError:
        raise SettingsError(f"{text!r} is not a factor above 0: write it as '1.5' or '150%'.") from None


def _positive(text: str) -> float:
    value = units.parse_percent(text)
    if value <= 0:
        raise SettingsError(f"{text!r} must be above 0.")
    return value


def _above_zero(parse: Callable[[str], float]) -> Callable[[str], float]:
    def read(text: str) -> float:
        value = parse(text)
        if not 0 < value < math.inf:
            raise SettingsError(f"{text!r} must be above 0.")
        return value

    return read


def _http_version(text: str) -> str:
    if text.strip() not in plan.HTTP_VERSIONS:
        raise SettingsError(f"{text!r} is not a version of HTTP to ask for: write {' or '.join(plan.HTTP_VERSIONS)}.")
    return text.strip()


def _positive_duration(text: str) -> float:
    value = units.parse_seconds(text)
    if value <= 0:
        raise SettingsError(f"{text!r} must be above 0.")
    return value


def _policy(text: str) -> Policy:
    for policy in POLICIES:
        if text == policy:
            return policy
    raise SettingsError(f"{text!r} is not a policy: write one of {', '.join(POLICIES)}.")


def _ci(text: str) -> str:
    if text not in CIS:
        raise SettingsError(f"{text!r} is no CI: write one of {', '.join(CIS)}.")
    return text


def _mode(text: str) -> Workers:
    for mode in WORKERS:
        if text == mode:
            return mode
    raise SettingsError(f"{text!r} is nothing that workers do: write one of {', '.join(WORKERS)}.")


def _switch(text: str) -> bool:
    if text.lower() in _TRUE | _FALSE:
        return text.lower() in _TRUE
    raise SettingsError(f"{text!r} is neither true nor false.")


def _beside(text: str) -> str:
    return interleaving.check(_text(text).strip())


def _text(text: str) -> str:
    if not text.strip():
        raise SettingsError("the value is empty.")
    return text


OPTIONS: tuple[Option, ...] = (
    Option(name="simulate", read=_switch, default=False, metavar=None,
           help="measure against the embedded simulator: a dry run without keys, network or cost"),
    Option(name="simulate-profile", read=Path, default=None, metavar="FILE",
           help="latency models and faults of the embedded simulator (YAML or JSON)"),
    Option(name="simulate-slowdown", read=_factor, default=1.0, metavar="FACTOR",
           help="slow every answer of the embedded simulator by this factor"),
    Option(name="environment", read=_text, default=None, metavar="LABEL", variable="LLM_LATENCY_ENVIRONMENT",
           help="label of the environment whose baselines count (default: 'default', with the simulator 'simulator')"),
    Option(name="baselines", read=Path, default=Path("baselines"), metavar="DIR",
           help="folder of the accepted baselines"),
    Option(name="results", read=Path, default=Path(".llm-latency"), metavar="DIR", help="folder for results"),
    Option(name="ci", read=_ci, default="auto", metavar="CI",
           help="the CI whose files are written: auto (default, where the run is), github, gitlab, jenkins or none"),
    Option(name="accept", read=_switch, default=False, metavar=None,
           help="accept what is measured as the new baseline, without failing on a regression"),
    Option(name="reason", read=_text, default=None, metavar="TEXT",
           help="why the baseline changes; stands in its lock file"),
    Option(name="keep", read=_count(1), default=5, metavar="N", help="accepted runs that a baseline keeps"),
    Option(name="model", read=_text, default=None, metavar="MODEL", help="the model of every benchmark"),
    Option(name="requests", read=_count(1), default=None, metavar="N", help="measured iterations of every benchmark"),
    Option(name="adaptive", read=_switch, default=None, metavar=None,
           help="end each run as soon as its verdict is clear; its requests, of which it needs 120, are the most"),
    Option(name="warmup", read=_count(0), default=None, metavar="N", help="iterations before the measured ones"),
    Option(name="concurrency", read=_count(1), default=None, metavar="N", help="users of every closed load"),
    Option(name="load", read=_text, default=None, metavar="LOAD",
           help="'closed', a rate such as '20/s', or another shape"),
    Option(name="ramp-in", read=_count(0), default=None, metavar="N",
           help="iterations under load before those that count"),
    Option(name="prompts", read=_text, default=None, metavar="FILE",
           help="prompts of the tests that call llm() without one (.txt, .jsonl, .json, .yaml)"),
    Option(name="expected", read=_switch, default=False, metavar=None,
           help="fail the iterations whose answer lacks what a file of scenarios, given to pytest, expects of it"),
    Option(name="nonce", read=_switch, default=None, metavar=None,
           help="begin each prompt with a number of its own, so that no prompt cache knows it"),
    Option(name="timeout", read=units.parse_seconds, default=None, metavar="TIME",
           help="deadline of each request, as in '30s'"),
    Option(name="http-version", read=_http_version, default=None, metavar="VERSION",
           help="what is asked of the servers: 1.1 (default) or 2, which needs the extra http2"),
    Option(name="requests-per-minute", read=_above_zero(units.parse_number), default=None, metavar="N",
           help="requests that may be sent to one model in a minute; others wait"),
    Option(name="tokens-per-minute", read=_above_zero(units.parse_number), default=None, metavar="N",
           help="tokens, of prompts and answers, that requests to one model may use in a minute"),
    Option(name="max-concurrency", read=_count(1), default=None, metavar="N",
           help="requests of a benchmark that may be under way at once, of an open load too"),
    Option(name="budget-requests", read=_count(1), default=None, metavar="N",
           help="requests that the session may send, warm-up included"),
    Option(name="budget-seconds", read=_above_zero(units.parse_seconds), default=None, metavar="TIME",
           help="time after its first request in which the session may send others, as in '10min'"),
    Option(name="budget-tokens", read=_count(1), default=None, metavar="N",
           help="tokens, of prompts and answers, that the session may use"),
    Option(name="budget-dollars", read=_above_zero(units.parse_dollars), default=None, metavar="AMOUNT",
           help="what the session may cost, as in '$0.50'"),
    Option(name="ab", read=_beside, default=None, metavar="MODEL_OR_BASE_URL",
           help="measure every test interleaved with this model, or with its own model at this base URL, and judge it "
                "against that in place of its baseline"),
    Option(name="tolerance", read=_positive, default=None, metavar="SHARE",
           help="the p95 increase that a regression must at least have (default 10%%)"),
    Option(name="margin", read=_positive, default=0.30, metavar="SHARE",
           help="a pass rules out an increase of this size (default 30%%)"),
    Option(name="alpha", read=_share, default=0.05, metavar="SHARE",
           help="share of unchanged suites that may go red (default 5%%)"),
    Option(name="error-limit", read=_share, default=None, metavar="SHARE",
           help="share of failed requests from which a test fails (default 1%%)"),
    Option(name="on-inconclusive", read=_policy, default="warn", metavar="POLICY",
           help="what an inconclusive verdict does: warn (default), fail or pass"),
    Option(name="on-no-baseline", read=_policy, default="warn", metavar="POLICY",
           help="what a missing or incomparable baseline does: warn (default), fail or pass"),
    Option(name="max-error", read=_positive_duration, default=0.010, metavar="TIME", variable="LLM_LATENCY_MAX_ERROR",
           help="error of the stamps up to which a run is valid (default 10ms, or 5%% of its median latencies)"),
    Option(name="workers", read=_mode, default="gang", metavar="MODE",
           help="what the workers of pytest -n do: gang (default), all measure each benchmark together, one after "
           "another; or parallel, each measures others"),
    Option(name="prices", read=Path, default=None, metavar="FILE",
           help="your own prices of models (YAML or JSON), in USD a million tokens"),
    Option(name="monthly-requests", read=_count(1), default=None, metavar="N",
           help="requests a month of each step, for the projected cost"),
    Option(name="listen", read=_text, default="127.0.0.1", metavar="ADDRESS",
           help="address of this machine at which workers on other hosts reach it (default 127.0.0.1)"),
    Option(name="region", read=_text, default=None, metavar="NAME", variable="LLM_LATENCY_REGION",
           help="where this machine stands, for reports that compare regions"),
)  # fmt: skip

BY_NAME: Mapping[str, Option] = MappingProxyType({option.name: option for option in OPTIONS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every option's value, and for the plan's options which of them the command line set.

    ``values`` has a value for each row of ``OPTIONS``; ``explicit`` names those from the command line.
    """

    values: Mapping[str, Any]
    explicit: frozenset[str]

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401  (each row has its own type)
        return self.values[name]

    def from_command_line(self, name: str) -> Any:  # noqa: ANN401  (the same)
        """Return the value if the command line set it, else ``None``."""
        return self.values[name] if name in self.explicit else None

    @property
    def environment(self) -> str:
        """The label of the environment.

        A simulated one is its own, unless the command line names it: a variable that is set for the
        real runs of a machine must not mix their baselines with a dry run's.
        """
        if self.values["simulate"] and "environment" not in self.explicit:
            return SIMULATOR_ENVIRONMENT
        return str(self.values["environment"] or "default")


def stated(values: Mapping[str, Any]) -> dict[str, object]:
    """Return the values that are set as reports show and store them: a path is its text."""
    return {
        name: str(value) if isinstance(value, Path) else value for name, value in values.items() if value is not None
    }


def check_ini_keys(keys: Iterable[str]) -> None:
    """Raise ``SettingsError`` for a key that looks like one of ours and is none: what it says would not count."""
    known = tuple(option.ini for option in OPTIONS)
    for key in keys:
        if key.startswith("llm_latency") and key not in known:
            raise SettingsError(f"the ini key {key} is no option: {plan.nearest(key, known)}")


def resolve(
    command_line: Callable[[Option], str | bool | None], ini: Callable[[Option], str | None], root: Path
) -> Settings:
    """Merge command line, environment variables, ini file and defaults, in this order of weight.

    Paths become absolute below ``root``. Raises ``SettingsError`` naming where the bad value stands.
    """
    values: dict[str, Any] = {}
    explicit = set()
    for option in OPTIONS:
        given = command_line(option)
        variable = os.environ.get(option.variable) if option.variable else None
        configured = ini(option)
        if given not in {None, False}:
            values[option.name] = True if given is True else _read(option, str(given), option.flag)
            explicit.add(option.name)
        elif variable:
            values[option.name] = _read(option, variable, f"the variable {option.variable}")
        elif configured:
            values[option.name] = _read(option, configured, f"the ini key {option.ini}")
        else:
            values[option.name] = option.default
    absolute = {name: root / value for name, value in values.items() if isinstance(value, Path)}
    return Settings(values=values | absolute, explicit=frozenset(explicit))


def _read(option: Option, text: str, where: str) -> Any:  # noqa: ANN401  (each row has its own type)
    try:
        return option.read(text)
    except LatencyError as error:
        raise SettingsError(f"{where}: {error}") from None
