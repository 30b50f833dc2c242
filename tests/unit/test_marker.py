"""The marker's arguments: read, merged with the settings, checked."""

import inspect
from typing import Any

import pytest

from pytest_llm_latency import load, marker, plan, plugin
from pytest_llm_latency.errors import MarkerError
from pytest_llm_latency.model import Plan
from pytest_llm_latency.options import OPTIONS, Settings


def settings(*, flags: dict[str, Any] | None = None, ini: dict[str, Any] | None = None) -> Settings:
    """Return settings with some values from the command line and from the ini file."""
    values = {option.name: option.default for option in OPTIONS} | (ini or {}) | (flags or {})
    return Settings(values=values, explicit=frozenset(flags or {}))


def planned(*, flags: dict[str, Any] | None = None, ini: dict[str, Any] | None = None, **arguments: Any) -> Plan:
    """Return the plan of a marker with these arguments."""
    return marker.make_plan(marker.read((), arguments), settings(flags=flags, ini=ini))


def test_the_help_names_every_argument_of_the_marker() -> None:
    """``pytest --markers`` shows it."""
    names = ", ".join(inspect.signature(marker.llm_latency).parameters)
    assert plugin._HELP.startswith(f"llm_latency({names}): ")


def test_a_bare_marker_is_the_defaults() -> None:
    """Enough requests for a p95, and a warm-up."""
    assert planned() == Plan(
        model=None,
        requests=plan.DEFAULT_REQUESTS,
        warmup=2,
        ramp_in=0,
        load=load.closed(1),
        prompts=None,
        nonce=False,
        timeout_s=60.0,
        limits=(),
        gate=("ttft", "e2e"),
        tolerance=0.10,
        error_limit=0.01,
        version=None,
        pacing=plan.DEFAULT_PACING,
        budget=plan.DEFAULT_BUDGET,
        http_version=plan.DEFAULT_HTTP_VERSION,
    )
    assert plan.DEFAULT_REQUESTS >= 59


@pytest.mark.parametrize(
    ("name", "field", "values"),
    [
        ("model", "model", ("openai/a", "openai/b", "openai/c")),
        ("requests", "requests", (31, 32, 33)),
        ("warmup", "warmup", (0, 3, 4)),
        ("concurrency", "load", (2, 3, 4)),
        ("timeout", "timeout_s", (1.0, 2.0, 3.0)),
        ("tolerance", "tolerance", (0.2, 0.3, 0.4)),
        ("load", "load", ("1/s", "2/s", "3/s")),
    ],
)
def test_the_command_line_counts_before_the_marker_and_the_marker_before_the_ini_file(
    name: str, field: str, values: tuple[Any, ...]
) -> None:
    """Of every argument that is an option too."""
    flag, mark, ini = values

    def found(**sources: Any) -> Any:
        return getattr(planned(**sources), field)

    expected = [found(flags={name: flag}), found(**{name: mark}), found(ini={name: ini})]
    assert len(set(map(str, expected))) == 3
    assert found(flags={name: flag}, ini={name: ini}, **{name: mark}) == expected[0]
    assert found(ini={name: ini}, **{name: mark}) == expected[1]


def test_a_closed_load_warms_up_every_user_and_an_open_one_a_few() -> None:
    """A connection for each; none where the marker says 0."""
    assert planned(concurrency=8).warmup == 8
    assert planned(load="10/s").warmup == marker.DEFAULT_OPEN_WARMUP
    assert planned(concurrency=8, warmup=0).warmup == 0


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"load": "closed", "concurrency": 3}, load.closed(3)),
        ({"load": load.closed(3)}, load.closed(3)),
        ({"load": load.closed(3), "concurrency": 3}, load.closed(3)),
        ({"load": "90/min"}, load.constant(1.5)),
        ({"load": load.constant(20)}, load.constant(20)),
        ({"flags": {"load": "20/s"}, "concurrency": 3}, load.constant(20)),
        ({"flags": {"load": "closed"}, "load": "20/s", "ini": {"concurrency": 2}}, load.closed(2)),
        ({"flags": {"concurrency": 5}, "load": "20/s"}, load.constant(20)),
    ],
)
def test_a_load_is_a_text_or_an_object(arguments: dict[str, Any], expected: Any) -> None:
    """A load of the command line replaces the marker's whole; a concurrency there is for closed loads."""
    assert planned(**arguments).load == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"load": "20/s", "concurrency": 3}, "which starts requests without waiting for answers"),
        ({"load": load.constant(20), "concurrency": 3}, "which starts requests without waiting for answers"),
        ({"load": load.closed(4), "concurrency": 3}, "which has a concurrency of its own"),
        ({"ini": {"load": "20/s"}, "concurrency": 3}, "which starts requests without waiting for answers"),
    ],
)
def test_a_concurrency_that_would_be_ignored_is_refused(arguments: dict[str, Any], message: str) -> None:
    """The author meant one or the other."""
    with pytest.raises(MarkerError, match=f"^concurrency=3 does not go with the load '.*', {message}: leave one"):
        planned(**arguments)


@pytest.mark.parametrize(
    ("gate", "expected"),
    [(None, ("ttft", "e2e")), (True, ("ttft", "e2e")), (False, ()), ([], ()), ("ttfo", ("ttfo",)), (["e2e"], ("e2e",))],
)
def test_the_gate_is_a_metric_several_or_none(gate: Any, expected: tuple[str, ...]) -> None:
    """``False`` turns it off."""
    assert planned(gate=gate).gate == expected


def test_texts_are_read_in_their_units() -> None:
    """As people write them."""
    found = planned(timeout="1500ms", tolerance="20%", limits="ttft.p95 < 1s")
    assert (found.timeout_s, found.tolerance, found.limits) == (1.5, 0.2, ("ttft.p95 < 1s",))


def test_the_error_limit_is_an_option_of_the_whole_run() -> None:
    """A test states its own as a limit on the error rate."""
    assert planned(ini={"error-limit": 0.25}).error_limit == 0.25


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        (("openai/a",), {}, r"named arguments only: write llm_latency\(model='openai/a'\)\."),
        ((), {"requests_": 3}, r"has no argument 'requests_': did you mean 'requests'\?"),
        ((), {"x": 3}, r"has no argument 'x': known are model, requests, .*, version\."),
        ((), {"model": 3}, r"model is 3: it must be a text that is not empty\."),
        ((), {"limits": 3}, r"limits is 3: it must be a text or a list of texts\."),
        ((), {"gate": [1]}, r"gate is \[1\]: it must be a text or a list of texts\."),
    ],
)
def test_a_wrong_argument_is_refused_with_the_right_one(
    args: tuple[Any, ...], kwargs: dict[str, Any], message: str
) -> None:
    """Before anything is measured."""
    with pytest.raises(MarkerError, match=message):
        marker.read(args, kwargs)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"requests": True}, "requests is True"),
        ({"requests": "20"}, "requests is '20'"),
        ({"concurrency": "8"}, "concurrency is '8'"),
        ({"timeout": None, "flags": {"timeout": 0.0}}, "timeout is 0.0"),
        ({"timeout": float("inf")}, "timeout is inf"),
        ({"tolerance": float("nan")}, "tolerance is nan"),
        ({"concurrency": 2, "flags": {"requests": 1}}, "concurrency 2 is above requests 1"),
        ({"load": object()}, "is not a load"),
    ],
)
def test_impossible_values_are_refused_wherever_they_come_from(arguments: dict[str, Any], message: str) -> None:
    """Types count as values do."""
    with pytest.raises(MarkerError, match=message):
        planned(**arguments)
