"""The table of options: one row makes the flag, the ini key, the key of settings files, the help and the docs page."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pytest_llm_latency.options import values


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One row. ``read`` turns the text of the user into the value; ``None`` as default means unset.

    ``key`` is where the option stands in a settings file, as in ``profiling.requests``; the one that
    names the file has none. ``metavar`` is ``None`` for a flag that takes no value. ``variable`` is an environment
    variable that counts before the ini file.
    """

    name: str
    key: str
    read: values.Kind
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


CONFIG = Option(name="config", key="",
                read=values.path, default=None, metavar="FILE",
                help="the settings file (default: llm-latency.yaml, .yml, .json or .toml, or the table "
                     "tool.pytest-llm-latency of pyproject.toml)")  # fmt: skip

OPTIONS: tuple[Option, ...] = (
    CONFIG,
    Option(name="simulate", key="global.simulate",
           read=values.switch, default=False, metavar=None,
           help="measure against the embedded simulator: a dry run without keys, network or cost"),
    Option(name="simulate-profile", key="global.simulate_profile",
           read=values.path, default=None, metavar="FILE",
           help="latency models and faults of the embedded simulator (YAML or JSON)"),
    Option(name="simulate-slowdown", key="global.simulate_slowdown",
           read=values.factor, default=1.0, metavar="FACTOR",
           help="slow every answer of the embedded simulator by this factor"),
    Option(name="environment", key="global.environment",
           read=values.some_text, default=None, metavar="LABEL", variable="LLM_LATENCY_ENVIRONMENT",
           help="label of the environment whose baselines count (default: 'default', with the simulator 'simulator')"),
    Option(name="baselines", key="gate.baselines",
           read=values.path, default=Path("baselines"), metavar="DIR",
           help="folder of the accepted baselines"),
    Option(name="results", key="output.results",
           read=values.path, default=Path(".llm-latency"), metavar="DIR", help="folder for results"),
    Option(name="ci", key="output.ci",
           read=values.ci, default="auto", metavar="CI",
           help="the CI whose files are written: auto (default, where the run is), github, gitlab, jenkins or none"),
    Option(name="accept", key="gate.accept",
           read=values.switch, default=False, metavar=None,
           help="accept what is measured as the new baseline, without failing on a regression"),
    Option(name="reason", key="gate.reason",
           read=values.some_text, default=None, metavar="TEXT",
           help="why the baseline changes; stands in its lock file"),
    Option(name="keep", key="gate.keep",
           read=values.count(1), default=5, metavar="N", help="accepted runs that a baseline keeps"),
    Option(name="model", key="global.model",
           read=values.some_text, default=None, metavar="MODEL", help="the model of every benchmark"),
    Option(name="requests", key="profiling.requests",
           read=values.count(1), default=None, metavar="N",
           help="measured iterations of every benchmark"),
    Option(name="adaptive", key="profiling.adaptive",
           read=values.switch, default=None, metavar=None,
           help="end each run as soon as its verdict is clear; its requests, of which it needs 120, are the most"),
    Option(name="warmup", key="profiling.warmup",
           read=values.count(0), default=None, metavar="N", help="iterations before the measured ones"),
    Option(name="concurrency", key="profiling.concurrency",
           read=values.count(1), default=None, metavar="N", help="users of every closed load"),
    Option(name="load", key="profiling.load",
           read=values.some_text, default=None, metavar="LOAD",
           help="'closed', a rate such as '20/s', or another shape"),
    Option(name="ramp-in", key="profiling.ramp_in",
           read=values.count(0), default=None, metavar="N",
           help="iterations under load before those that count"),
    Option(name="prompts", key="profiling.prompts",
           read=values.some_text, default=None, metavar="FILE",
           help="prompts of the tests that call llm() without one (.txt, .jsonl, .json, .yaml)"),
    Option(name="expected", key="gate.expected",
           read=values.switch, default=False, metavar=None,
           help="fail the iterations whose answer lacks what a file of scenarios, given to pytest, expects of it"),
    Option(name="keep-answers", key="output.keep_answers",
           read=values.switch, default=False, metavar=None,
           help="keep the texts of the answers in the results, for other tools; baselines never have them"),
    Option(name="nonce", key="profiling.nonce",
           read=values.switch, default=None, metavar=None,
           help="begin each prompt with a number of its own, so that no prompt cache knows it"),
    Option(name="timeout", key="profiling.timeout",
           read=values.seconds, default=None, metavar="TIME",
           help="deadline of each request, as in '30s'"),
    Option(name="retries", key="profiling.retries",
           read=values.count(0), default=0, metavar="N",
           help="how often a request is sent again that was refused or not answered (default 0); its latencies "
                "begin with the first attempt"),
    Option(name="retry-wait", key="profiling.retry_wait",
           read=values.limited_seconds, default=1.0, metavar="TIME",
           help="the wait before the first retry (default 1s), twice as long before each further one; a server may "
                "ask for more"),
    Option(name="http-version", key="profiling.http_version",
           read=values.http_version, default=None, metavar="VERSION",
           help="what is asked of the servers: 1.1 (default) or 2, which needs the extra http2"),
    Option(name="requests-per-minute", key="profiling.requests_per_minute",
           read=values.number, default=None, metavar="N",
           help="requests that may be sent to one model in a minute; others wait"),
    Option(name="tokens-per-minute", key="profiling.tokens_per_minute",
           read=values.number, default=None, metavar="N",
           help="tokens, of prompts and answers, that requests to one model may use in a minute"),
    Option(name="max-concurrency", key="profiling.max_concurrency",
           read=values.count(1), default=None, metavar="N",
           help="requests of a benchmark that may be under way at once, of an open load too"),
    Option(name="budget-requests", key="profiling.budget_requests",
           read=values.count(1), default=None, metavar="N",
           help="requests that the session may send, warm-up included"),
    Option(name="budget-seconds", key="profiling.budget_seconds",
           read=values.limited_seconds, default=None, metavar="TIME",
           help="time after its first request in which the session may send others, as in '10min'"),
    Option(name="budget-tokens", key="profiling.budget_tokens",
           read=values.count(1), default=None, metavar="N",
           help="tokens, of prompts and answers, that the session may use"),
    Option(name="budget-dollars", key="profiling.budget_dollars",
           read=values.dollars, default=None, metavar="AMOUNT",
           help="what the session may cost, as in '$0.50'"),
    Option(name="ab", key="profiling.ab",
           read=values.beside, default=None, metavar="MODEL_OR_BASE_URL",
           help="measure every test interleaved with this model, or with its own model at this base URL, and judge it "
                "against that in place of its baseline"),
    Option(name="gate", key="metrics.gate",
           read=values.gated, default=None, metavar="METRICS",
           help="metrics that are compared with the baseline, with commas between, or none (default ttft,e2e)"),
    Option(name="metrics", key="metrics.show",
           read=values.measured, default=None, metavar="METRICS",
           help="metrics that the terminal shows beside the gated ones, with commas between; the page and the JSON "
                "have all"),
    Option(name="percentiles", key="percentiles.show",
           read=values.percentiles, default=None, metavar="PERCENTILES",
           help="percentiles that the terminal shows, with commas between (default p50,p95), as far as they fit"),
    Option(name="limits", key="gate.limits",
           read=values.limits, default=None, metavar="LIMITS",
           help="absolute limits of every benchmark, with commas between, as in 'ttft.p95 < 800ms'"),
    Option(name="tolerance", key="gate.tolerance",
           read=values.positive_share, default=None, metavar="SHARE",
           help="the p95 increase that a regression must at least have (default 10%%)"),
    Option(name="margin", key="gate.margin",
           read=values.positive_share, default=0.30, metavar="SHARE",
           help="a pass rules out an increase of this size (default 30%%)"),
    Option(name="alpha", key="gate.alpha",
           read=values.share, default=0.05, metavar="SHARE",
           help="share of unchanged suites that may go red (default 5%%)"),
    Option(name="slo", key="gate.slo",
           read=values.path, default=None, metavar="FILE",
           help="service-level objectives of LLM-Observatory (JSON or YAML), as limits of the tests of their models"),
    Option(name="error-limit", key="gate.error_limit",
           read=values.share, default=None, metavar="SHARE",
           help="share of failed requests from which a test fails (default 1%%)"),
    Option(name="on-inconclusive", key="gate.on_inconclusive",
           read=values.policy, default="warn", metavar="POLICY",
           help="what an inconclusive verdict does: warn (default), fail or pass"),
    Option(name="on-no-baseline", key="gate.on_no_baseline",
           read=values.policy, default="warn", metavar="POLICY",
           help="what a missing or incomparable baseline does: warn (default), fail or pass"),
    Option(name="max-error", key="gate.max_error",
           read=values.positive_seconds, default=0.010, metavar="TIME",
           variable="LLM_LATENCY_MAX_ERROR",
           help="error of the stamps up to which a run is valid (default 10ms, or 5%% of its median latencies)"),
    Option(name="workers", key="global.workers",
           read=values.mode, default="gang", metavar="MODE",
           help="what the workers of pytest -n do: gang (default), all measure each benchmark together, one after "
           "another; or parallel, each measures others"),
    Option(name="prices", key="global.prices",
           read=values.path, default=None, metavar="FILE",
           help="your own prices of models (YAML or JSON), in USD a million tokens"),
    Option(name="monthly-requests", key="output.monthly_requests",
           read=values.count(1), default=None, metavar="N",
           help="requests a month of each step, for the projected cost"),
    Option(name="listen", key="global.listen",
           read=values.some_text, default="127.0.0.1", metavar="ADDRESS",
           help="address of this machine at which workers on other hosts reach it (default 127.0.0.1)"),
    Option(name="region", key="global.region",
           read=values.some_text, default=None, metavar="NAME", variable="LLM_LATENCY_REGION",
           help="where this machine stands, for reports that compare regions"),
)  # fmt: skip

BY_NAME: Mapping[str, Option] = MappingProxyType({option.name: option for option in OPTIONS})
