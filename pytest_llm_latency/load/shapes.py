"""The load shapes: how each is made, written as text, scheduled and described.

To add a shape, add a row to ``SHAPES``.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from pytest_llm_latency import units
from pytest_llm_latency.errors import MarkerError, SettingsError
from pytest_llm_latency.load import schedules
from pytest_llm_latency.model import Load, Schedule, Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """A trace file that is to be replayed, before it is read."""

    path: str
    speed: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One row. ``form`` is an example of its text and ``meaning`` says what it does.

    ``pattern`` matches the text, and ``read`` makes the load from its groups. ``total`` is how many
    iterations the load has by itself, ``None`` where any number will do. ``steady`` says whether
    the load is meant to be the same from its beginning to its end.
    """

    form: str
    meaning: str
    pattern: str
    read: Callable[[Sequence[str]], Load | Replay]
    schedule: Callable[[Load, int], Schedule]
    describe: Callable[[Load], str]
    total: Callable[[Load], int | None]
    steady: bool


def closed(concurrency: object = 1) -> Load:
    """Return a closed loop: ``concurrency`` users, each sending the next request when the last ended."""
    return _load("closed", {"concurrency": _count("concurrency", concurrency)})


def constant(rate_per_s: object) -> Load:
    """Return a constant rate of arrivals a second that never waits for answers (an open loop)."""
    return _load("constant", {"rate_per_s": _rate(rate_per_s)})


def poisson(rate_per_s: object, seed: object = 0) -> Load:
    """Return an open loop whose arrivals are independent of each other, as those of many users are."""
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise MarkerError(f"the seed is {seed!r}: it must be a whole number of at least 0.")
    return _load("poisson", {"rate_per_s": _rate(rate_per_s), "seed": seed})


def burst(size: object, every: object) -> Load:
    """Return an open loop of ``size`` arrivals at once, ``every`` so many seconds."""
    return _load("burst", {"size": _count("the size of a burst", size), "every_s": _duration(every)})


def ramp(start: object, end: object, over: object) -> Load:
    """Return an open loop whose rate changes evenly from one to another over some seconds."""
    return _staged("ramp", ((start, end, over),))


def stages(*parts: Sequence[object]) -> Load:
    """Return an open loop of several rates, each for some seconds: ``stages(("5/s", "10s"), ("20/s", "30s"))``.

    A part of three values is a ramp: its first rate, its last rate and its seconds.
    """
    if not parts or any(isinstance(part, str) or len(part) not in {2, 3} for part in parts):
        raise MarkerError("stages takes pairs of a rate and a duration: write stages(('5/s', '10s'), ('20/s', '30s')).")
    return _staged("stages", tuple((part[0], part[-2], part[-1]) for part in parts))


def replay(path: object, speed: object = 1.0) -> Replay:
    """Return the replay of a trace file, ``speed`` times as fast as it was recorded."""
    if isinstance(speed, bool) or not isinstance(speed, int | float) or not 0 < speed < math.inf:
        raise MarkerError(f"the speed is {speed!r}: it must be a number above 0, as in load='replay trace.csv at 2x'.")
    return Replay(path=str(path), speed=float(speed))


def replayed(trace: Trace, speed: float) -> Load:
    """Return the load of a trace that has been read."""
    return Load(shape="replay", parameters={"speed": speed}, trace=trace)


def _load(shape: str, parameters: Mapping[str, float]) -> Load:
    return Load(shape=shape, parameters=parameters, trace=None)


def _staged(shape: str, parts: Sequence[tuple[object, object, object]]) -> Load:
    parameters: dict[str, float] = {}
    for number, (start, end, duration) in enumerate(parts, start=1):
        parameters[f"start_{number}_per_s"] = _rate(start, least=0)
        parameters[f"end_{number}_per_s"] = _rate(end, least=0)
        parameters[f"duration_{number}_s"] = _duration(duration)
    load = _load(shape, parameters)
    if not _staged_total(load):
        raise MarkerError(f"the load '{shape}, {_describe_staged(load)}' starts nothing: raise a rate.")
    return load


def _stages(load: Load) -> tuple[schedules.Stage, ...]:
    values = load.parameters
    return tuple(
        (values[f"start_{number}_per_s"], values[f"end_{number}_per_s"], values[f"duration_{number}_s"])
        for number in range(1, len(values) // 3 + 1)
    )


def _staged_total(load: Load) -> int:
    return schedules.staged_total(_stages(load))


def _count(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise MarkerError(f"{name} is {value!r}: it must be a whole number of at least 1.")
    return value


def _rate(value: object, least: float | None = None) -> float:
    """Return a number a second; ``least`` allows 0, where a stage may pause."""
    number = _number(value, units.parse_rate)
    if number is None or number < 0 or (number == 0 and least is None):
        raise MarkerError(f"the rate is {value!r}: it must be a number above 0, as in load='20/s'.")
    return number


def _duration(value: object) -> float:
    number = _number(value, units.parse_duration)
    if number is None or number <= 0:
        raise MarkerError(f"the duration is {value!r}: it must be a number above 0, as in '30s'.")
    return number


def _number(value: object, parse: Callable[[str], float]) -> float | None:
    if isinstance(value, str):
        try:
            return parse(value)
        except SettingsError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _read_stages(groups: Sequence[str]) -> Load:
    parts = [re.fullmatch(_STAGE, part.strip()) for part in groups[0].split(",")]
    return _staged("stages", [(part[1], part[2] or part[1], part[3]) for part in parts if part is not None])


def _open(offsets: Callable[[Load, int], tuple[float, ...]]) -> Callable[[Load, int], Schedule]:
    return lambda load, count: Schedule(offsets_s=offsets(load, count), concurrency=None)


def _replayed_offsets(load: Load, count: int) -> tuple[float, ...]:
    trace = _trace(load)
    return tuple(round(offset / load.parameters["speed"], 9) for offset in trace.offsets_s[:count])


def _trace(load: Load) -> Trace:
    assert load.trace is not None  # noqa: S101  (a replay is made with its trace)
    return load.trace


def _any(_: Load) -> None:
    return None


def _describe_staged(load: Load) -> str:
    return ", ".join(
        f"{_per_second(start)}{'' if start == end else f' to {_per_second(end)}'} for {seconds:.9g} s"
        for start, end, seconds in _stages(load)
    )


def _describe_replay(load: Load) -> str:
    trace, speed = _trace(load), load.parameters["speed"]
    return f"replay of {trace.name} ({trace.digest}), {len(trace.offsets_s)} requests, speed {speed:.9g}"


def _per_second(rate: float) -> str:
    return f"{rate:.9g}/s"


_PLAIN_RATE = r"[0-9.eE+-]+\s*/\s*[a-z]+"
_PLAIN_TIME = r"[0-9.]+\s*[a-zµ]+"
_STAGE = rf"({_PLAIN_RATE})(?:\s*\.\.\s*({_PLAIN_RATE}))?\s+for\s+({_PLAIN_TIME})"
_STAGE_TEXT = rf"{_PLAIN_RATE}(?:\s*\.\.\s*{_PLAIN_RATE})?\s+for\s+{_PLAIN_TIME}"

SHAPES: Mapping[str, Shape] = MappingProxyType({
    "closed": Shape(
        form="closed",
        meaning="`concurrency` users, each asking again when the answer is there",
        pattern=r"",
        read=lambda _: closed(),
        schedule=lambda load, count: Schedule(
            offsets_s=(0.0,) * count, concurrency=int(load.parameters["concurrency"])
        ),
        describe=lambda load: f"closed, concurrency {load.parameters['concurrency']:.0f}",
        total=_any,
        steady=True,
    ),
    "constant": Shape(
        form="20/s",
        meaning="a start every 50 ms",
        pattern=rf"({_PLAIN_RATE})",
        read=lambda groups: constant(groups[0]),
        schedule=_open(lambda load, count: schedules.constant(load.parameters["rate_per_s"], count)),
        describe=lambda load: f"constant, {units.format_rate(load.parameters['rate_per_s'])}",
        total=_any,
        steady=True,
    ),
    "poisson": Shape(
        form="poisson 20/s",
        meaning="20 starts a second on average, independent of each other; `poisson 20/s seed 7` is another draw",
        pattern=rf"({_PLAIN_RATE})(?:\s+seed\s+([0-9]+))?",
        read=lambda groups: poisson(groups[0], int(groups[1] or 0)),
        schedule=_open(
            lambda load, count: schedules.poisson(load.parameters["rate_per_s"], int(load.parameters["seed"]), count)
        ),
        describe=lambda load: (
            f"poisson, {_per_second(load.parameters['rate_per_s'])}, seed {load.parameters['seed']:.0f}"
        ),
        total=_any,
        steady=True,
    ),
    "ramp": Shape(
        form="ramp 1/s..20/s over 30s",
        meaning="a rate that changes evenly; as many requests as that makes",
        pattern=rf"({_PLAIN_RATE})\s*\.\.\s*({_PLAIN_RATE})\s+over\s+({_PLAIN_TIME})",
        read=lambda groups: ramp(*groups),
        schedule=_open(lambda load, count: schedules.staged(_stages(load), count)),
        describe=lambda load: f"ramp, {_describe_staged(load)}",
        total=_staged_total,
        steady=False,
    ),
    "burst": Shape(
        form="burst 10 every 2s",
        meaning="10 starts at once, every 2 s",
        pattern=rf"([0-9]+)\s+every\s+({_PLAIN_TIME})",
        read=lambda groups: burst(int(groups[0]), groups[1]),
        schedule=_open(
            lambda load, count: schedules.burst(int(load.parameters["size"]), load.parameters["every_s"], count)
        ),
        describe=lambda load: f"burst, {load.parameters['size']:.0f} every {load.parameters['every_s']:.9g} s",
        total=_any,
        steady=True,
    ),
    "stages": Shape(
        form="stages 5/s for 10s, 20/s for 30s",
        meaning="one rate after another; `1/s..20/s for 30s` is a stage that changes evenly. "
        "As many requests as that makes",
        pattern=rf"({_STAGE_TEXT}(?:\s*,\s*{_STAGE_TEXT})*)",
        read=_read_stages,
        schedule=_open(lambda load, count: schedules.staged(_stages(load), count)),
        describe=lambda load: f"stages, {_describe_staged(load)}",
        total=_staged_total,
        steady=False,
    ),
    "replay": Shape(
        form="replay trace.csv",
        meaning="the arrivals of a trace file with its input and output lengths; "
        "`replay trace.csv at 2x` is twice as fast",
        pattern=r"(.+?)(?:\s+at\s+([0-9.]+)x)?",
        read=lambda groups: replay(groups[0], float(groups[1] or 1)),
        schedule=_open(_replayed_offsets),
        describe=_describe_replay,
        total=lambda load: len(_trace(load).offsets_s),
        steady=False,
    ),
})
