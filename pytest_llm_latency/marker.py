"""The marker: a function whose signature is its validation and its help; and from it the plan."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_llm_latency import load as loads
from pytest_llm_latency import looks, sources, units
from pytest_llm_latency import plan as plans
from pytest_llm_latency.errors import MarkerError, SettingsError
from pytest_llm_latency.model import Load, Pacing, Plan, Retries
from pytest_llm_latency.options import Settings
from pytest_llm_latency.precedence import Chosen
from pytest_llm_latency.prompts import Generated, Shuffled, Source
from pytest_llm_latency.suggestions import nearest

DEFAULT_OPEN_WARMUP = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """What one or several markers of a test say; ``None`` is unsaid."""

    model: str | None
    requests: int | None
    adaptive: bool | None
    warmup: int | None
    concurrency: int | None
    load: Load | loads.Replay | str | None
    ramp_in: int | None
    prompts: object
    nonce: bool | None
    timeout: float | str | None
    http_version: str | float | None
    requests_per_minute: float | None
    tokens_per_minute: float | None
    max_concurrency: int | None
    budget: Mapping[str, object] | None
    limits: tuple[str, ...] | None
    gate: tuple[str, ...] | None
    tolerance: float | str | None
    version: str | None
    ab: str | None


def llm_latency(  # noqa: PLR0913  (the signature is the marker's)
    *,
    model: str | None = None,
    requests: int | None = None,
    adaptive: bool | None = None,
    warmup: int | None = None,
    concurrency: int | None = None,
    load: Load | loads.Replay | str | None = None,
    ramp_in: int | None = None,
    prompts: str | Path | Sequence[object] | Generated | Shuffled | None = None,
    nonce: bool | None = None,
    timeout: float | str | None = None,
    http_version: str | float | None = None,
    requests_per_minute: float | None = None,
    tokens_per_minute: float | None = None,
    max_concurrency: int | None = None,
    budget: Mapping[str, object] | None = None,
    limits: str | Sequence[str] | None = None,
    gate: str | Sequence[str] | bool | None = None,
    tolerance: float | str | None = None,
    version: str | None = None,
    ab: str | None = None,
) -> Arguments:
    """Measure the LLM calls of a test.

    ``model`` is litellm's name. The body runs ``warmup + ramp_in + requests`` times under ``load``: ``"closed"`` with
    ``concurrency`` users, a rate such as ``"20/s"``, or another shape. The ``ramp_in`` iterations go over into the
    measured ones and do not count. ``prompts`` is what ``llm()`` sends where the body names none: a list, a file,
    ``generated(tokens=500)`` or ``shuffled(...)`` of one; with ``nonce`` each prompt begins with a number of its own.
    With ``adaptive`` the run is looked at as it grows, and ends before its ``requests`` where the verdict is clear.
    ``timeout`` is the deadline of a request (seconds or ``"30s"``), ``http_version`` what is asked of the server:
    ``"1.1"`` or ``"2"``. ``requests_per_minute`` and ``tokens_per_minute`` hold requests to one model back,
    ``max_concurrency`` those of the test; ``budget`` is what the test may use up, as in ``{"dollars": "$0.50"}``.
    ``gate`` names the metrics that are compared with the baseline (``False`` for none), ``tolerance`` the smallest
    p95 increase that counts (``0.2`` or ``"20%"``), ``limits`` absolute limits such as ``"ttft.p95 < 800ms"``. A new
    ``version`` says that the benchmark has changed and its old baseline does not count. ``ab`` is another model, or a
    base URL, that stands in for the baseline: measured interleaved, each as often as ``requests`` says.
    """
    return Arguments(
        model=_text("model", model),
        requests=requests,
        adaptive=adaptive,
        warmup=warmup,
        concurrency=concurrency,
        load=load,
        ramp_in=ramp_in,
        prompts=prompts,
        nonce=nonce,
        timeout=timeout,
        http_version=http_version,
        requests_per_minute=requests_per_minute,
        tokens_per_minute=tokens_per_minute,
        max_concurrency=max_concurrency,
        budget=budget,
        limits=_texts("limits", limits),
        gate=() if gate is False else _texts("gate", None if gate is True else gate),
        tolerance=tolerance,
        version=_text("version", version),
        ab=_text("ab", ab),
    )


_KNOWN = tuple(inspect.signature(llm_latency).parameters)


def read(args: Sequence[object], kwargs: Mapping[str, Any]) -> Arguments:
    """Return the arguments of a marker, or raise ``MarkerError`` that names the right ones."""
    if args:
        raise MarkerError(f"llm_latency takes named arguments only: write llm_latency(model={args[0]!r}).")
    for name in kwargs:
        if name not in _KNOWN:
            raise MarkerError(f"llm_latency has no argument {name!r}: {nearest(name, _KNOWN)}")
    return llm_latency(**kwargs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A checked plan, and the source of the prompts that the body leaves to it."""

    plan: Plan
    source: Source | None


def prepare(arguments: Arguments, settings: Settings, folders: Sequence[Path] = ()) -> Prepared:
    """Merge what counts for a test; files are looked for in the folders, one after another."""
    chosen = Chosen(lambda name: getattr(arguments, name), settings)
    ramp_in = plans.require_count("ramp_in", chosen("ramp_in", 0), least=0)
    load = _load(chosen.load("closed"), chosen("concurrency", plans.DEFAULT_CONCURRENCY))
    if isinstance(load, loads.Replay):
        load = _replayed(load, folders, chosen("requests"), ramp_in, sides=1 if chosen("ab") is None else 2)
    if settings.from_command_line("load") is None:
        _check_concurrency(arguments, load)
    source = sources.of(chosen("prompts"), load, folders)
    plan = _plan(arguments, settings, chosen, load, source)
    for text in plan.limits:
        plans.parse_limit(text)
    return Prepared(plan=plans.check(plan), source=source)


def make_plan(arguments: Arguments, settings: Settings) -> Plan:
    """Return the plan alone."""
    return prepare(arguments, settings).plan


def _plan(
    arguments: Arguments, settings: Settings, chosen: Callable[..., Any], load: Load, source: Source | None
) -> Plan:
    users, total = loads.concurrency(load), plans.own_total(load, chosen("ab"))
    ramp_in = chosen("ramp_in", 0)
    gate = chosen("gate", plans.DEFAULT_GATE)
    adaptive = _switch("adaptive", chosen("adaptive", default=False)) and (
        _demands_adaptive(arguments, settings) or (bool(gate) and total is None and chosen("ab") is None)
    )
    requests = chosen("requests", looks.DEFAULT_REQUESTS if adaptive else plans.DEFAULT_REQUESTS)
    warmup = DEFAULT_OPEN_WARMUP if users is None else max(2, users)
    if total is not None:
        own = arguments.requests if {"load", "requests"}.isdisjoint(settings.explicit) else None
        requests, warmup = total - ramp_in if own is None else own, min(warmup, total)
    return Plan(
        model=chosen("model"),
        requests=requests,
        adaptive=adaptive and _grows(requests, arguments, settings),
        warmup=chosen("warmup", warmup),
        ramp_in=ramp_in,
        load=load,
        prompts=None if source is None else source.description,
        nonce=_switch("nonce", chosen("nonce", default=False)),
        timeout_s=_seconds(chosen("timeout", plans.DEFAULT_TIMEOUT_S)),
        limits=(*chosen("limits", ()), *sources.objectives(settings["slo"], chosen("model"), settings.environment)),
        gate=gate,
        tolerance=_share(chosen("tolerance", plans.DEFAULT_TOLERANCE)),
        error_limit=plans.DEFAULT_ERROR_LIMIT if settings["error-limit"] is None else settings["error-limit"],
        version=arguments.version,
        pacing=Pacing(
            requests_per_minute=chosen("requests_per_minute"),
            tokens_per_minute=chosen("tokens_per_minute"),
            max_concurrency=chosen("max_concurrency"),
        ),
        budget=plans.DEFAULT_BUDGET if arguments.budget is None else plans.read_budget(arguments.budget),
        http_version=_http_version(chosen("http_version", plans.DEFAULT_HTTP_VERSION)),
        ab=chosen("ab"),
        retries=Retries(most=settings["retries"], wait_s=settings["retry-wait"]),
        keep_answers=settings["keep-answers"],
    )


def _demands_adaptive(arguments: Arguments, settings: Settings) -> bool:
    """Say whether a plan must be adaptive, or refused: the option alone leaves tests out that cannot be."""
    return bool(arguments.adaptive) or {"adaptive", "ab"} <= settings.explicit


def _grows(requests: object, arguments: Arguments, settings: Settings) -> bool:
    """Say whether a plan that may be adaptive is: the option alone leaves tests out whose requests are too few."""
    demanded = bool(arguments.adaptive) or "requests" in settings.explicit
    return demanded or not isinstance(requests, int) or requests >= looks.LEAST_REQUESTS


def _load(load: Load | loads.Replay | str, concurrency: int) -> Load | loads.Replay:
    if isinstance(load, Load | loads.Replay):
        return load
    if not isinstance(load, str):
        raise MarkerError(f"load={load!r} is not a load: write 'closed', a rate such as '20/s', or constant(20).")
    return loads.parse(load, concurrency=concurrency)


def _replayed(replay: loads.Replay, folders: Sequence[Path], requests: object, ramp_in: int, *, sides: int) -> Load:
    """Read a trace; fewer requests than it has for each side are its first ones."""
    count = None if requests is None else plans.require_count("requests", requests, least=1) + ramp_in
    return sources.replayed(replay, folders, None if count is None else sides * count)


def _switch(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise MarkerError(f"{name} is {value!r}: it must be True or False.")
    return value


def _check_concurrency(arguments: Arguments, load: Load) -> None:
    """Refuse a concurrency of the marker that its load would ignore; a load of the command line may ignore it."""
    if arguments.concurrency is None or arguments.concurrency == loads.concurrency(load):
        return
    if loads.concurrency(load) is None:
        why = "which starts requests without waiting for answers"
    elif isinstance(arguments.load, Load):
        why = "which has a concurrency of its own"
    else:
        return
    raise MarkerError(
        f"concurrency={arguments.concurrency} does not go with the load '{loads.describe(load)}', {why}: "
        "leave one of the two out."
    )


def _seconds(timeout: object) -> Any:  # noqa: ANN401  (a wrong type is refused by the plan's check)
    return _parsed("timeout", units.parse_duration, timeout)


def _http_version(version: object) -> str:
    """Return a version as it is written, however it was given; the plan's check refuses a wrong one."""
    number = isinstance(version, int | float) and not isinstance(version, bool)
    return f"{version:g}" if number else str(version)


def _share(tolerance: object) -> Any:  # noqa: ANN401  (the same)
    return _parsed("tolerance", units.parse_percent, tolerance)


def _parsed(name: str, parse: Any, value: object) -> Any:  # noqa: ANN401  (the same)
    if not isinstance(value, str):
        return float(value) if isinstance(value, float) else value  # a plain one, of NumPy too
    try:
        return parse(value)
    except SettingsError as error:
        raise MarkerError(f"{name}: {error}") from None


def _text(name: str, value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value:
        raise MarkerError(f"{name} is {value!r}: it must be a text that is not empty.")
    return str.__str__(value)  # a plain one, of an enumeration too


def _texts(name: str, value: object) -> tuple[str, ...] | None:
    if value is None:
        return None
    texts = (value,) if isinstance(value, str) else value
    if not isinstance(texts, Sequence) or not all(isinstance(text, str) for text in texts):
        raise MarkerError(f"{name} is {value!r}: it must be a text or a list of texts.")
    return tuple(map(str.__str__, texts))
