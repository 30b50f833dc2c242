"""The marker's arguments: read, merged with the settings, checked."""

import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from pytest_llm_latency import load, marker, plan, plugin
from pytest_llm_latency.errors import MarkerError
from pytest_llm_latency.model import Budget, Plan
from pytest_llm_latency.options import NO_FILE, OPTIONS, Settings, SettingsFile


def settings(
    *, flags: dict[str, Any] | None = None, ini: dict[str, Any] | None = None, file: SettingsFile = NO_FILE
) -> Settings:
    """Return settings with some values from the command line and from the ini file, and what else a file says."""
    values = {option.name: option.default for option in OPTIONS} | _named(ini) | _named(flags)
    return Settings(values=values, explicit=frozenset(_named(flags)), origins={}, file=file)


def _named(values: dict[str, Any] | None) -> dict[str, Any]:
    return {name.replace("_", "-"): value for name, value in (values or {}).items()}


def planned(*, flags: dict[str, Any] | None = None, ini: dict[str, Any] | None = None, **arguments: Any) -> Plan:
    """Return the plan of a marker with these arguments."""
    return marker.make_plan(marker.read((), arguments), settings(flags=flags, ini=ini))


def test_the_help_names_every_argument_of_the_marker() -> None:
    """``pytest --markers`` shows it."""
    names = ", ".join(inspect.signature(marker.llm_latency).parameters)
    assert plugin._HELP.startswith(f"llm_latency({names}): ")


def test_the_answers_are_kept_where_the_settings_say_so() -> None:
    """For tools that look at them; they may be many and long."""
    assert [planned(flags=flags).keep_answers for flags in ({"keep-answers": True}, {})] == [True, False]


def test_a_bare_marker_is_the_defaults() -> None:
    """Enough requests for a p95, and a warm-up."""
    assert planned() == Plan(
        model=None,
        requests=plan.DEFAULT_REQUESTS,
        adaptive=False,
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
        ab=None,
        retries=plan.DEFAULT_RETRIES,
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
        ("ramp_in", "ramp_in", (0, 3, 4)),
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


@pytest.mark.parametrize("version", ["2", 2, 2.0])
def test_a_version_of_http_may_be_a_number(version: object) -> None:
    """The command line counts before the marker."""
    assert planned(http_version=version).http_version == "2"
    assert planned(http_version=1.1, ini={"http-version": "2"}).http_version == "1.1"
    assert planned(http_version=version, flags={"http-version": "1.1"}).http_version == "1.1"


@pytest.mark.parametrize("name", ["requests_per_minute", "tokens_per_minute", "max_concurrency"])
def test_pacing_keeps_to_the_same_order(name: str) -> None:
    """Its options are written with dashes."""
    option = name.replace("_", "-")
    sources: tuple[dict[str, Any], ...] = ({"flags": {option: 1}}, {name: 2}, {"ini": {option: 3}})
    alone = [getattr(planned(**source).pacing, name) for source in sources]
    assert alone == [1, 2, 3]
    assert getattr(planned(**sources[0], **sources[1], **sources[2]).pacing, name) == 1
    assert getattr(planned(**sources[1], **sources[2]).pacing, name) == 2


def test_a_budget_is_the_tests_own_beside_the_sessions() -> None:
    """The options set the session's, and the plan has nothing of it."""
    found = planned(budget={"seconds": "2min", "dollars": "$0.50"}, flags={"budget-requests": 5}).budget
    assert found == Budget(requests=None, seconds=120.0, tokens=None, dollars=0.5)
    assert planned(flags={"budget-requests": 5}).budget == plan.DEFAULT_BUDGET


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
    ("arguments", "requests", "warmup"),
    [
        ({"load": "ramp 1/s..20/s over 30s"}, 315, 5),
        ({"load": "ramp 1/s..20/s over 30s", "requests": 315}, 315, 5),
        ({"load": "ramp 1/s..20/s over 30s", "ramp_in": 15}, 300, 5),
        ({"load": load.stages((1, 3))}, 3, 3),
        ({"load": "ramp 1/s..20/s over 30s", "flags": {"requests": 20}}, 315, 5),
        ({"load": "20/s", "requests": 70, "flags": {"load": "stages 10/s for 2s"}}, 20, 5),
        ({"load": "20/s", "ramp_in": 15}, plan.DEFAULT_REQUESTS, 5),
    ],
)
def test_a_load_with_a_duration_says_how_many_requests_there_are(
    arguments: dict[str, Any], requests: int, warmup: int
) -> None:
    """A number for every benchmark, or one beside another load, does not contradict it."""
    found = planned(**arguments)
    assert (found.requests, found.warmup) == (requests, warmup)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"requests": 100}, "' starts 315 requests, and requests is 100: leave requests out."),
        ({"requests": 300, "ramp_in": 10}, "requests, 10 of them for ramp_in, and requests is 300: leave requests out"),
        ({"ramp_in": 315}, "315 requests: lower warmup 5 or ramp_in 315, or make the load longer."),
        ({"warmup": 316}, "315 requests: lower warmup 316 or ramp_in 0, or make the load longer."),
    ],
)
def test_a_number_that_contradicts_its_load_is_refused(arguments: dict[str, Any], message: str) -> None:
    """With both numbers."""
    with pytest.raises(MarkerError) as caught:
        planned(load="ramp 1/s..20/s over 30s", **arguments)
    assert message in str(caught.value)


def replayed(folder: Path, **arguments: Any) -> marker.Prepared:
    """Return what is prepared of a marker that replays a trace of four arrivals."""
    (folder / "a.csv").write_text("arrived_at,input_length,output_length\n0,9,1\n1,9,2\n2,9,3\n4,9,4\n")
    flags = arguments.pop("flags", None)
    found = marker.read((), {"load": "replay a.csv at 2x", **arguments})
    return marker.prepare(found, settings(flags=flags), (folder,))


@pytest.mark.parametrize(
    ("arguments", "requests", "offsets"),
    [
        ({}, 4, (0.0, 0.5, 1.0, 2.0)),
        ({"requests": 2}, 2, (0.0, 0.5)),
        ({"requests": 2, "ramp_in": 1}, 2, (0.0, 0.5, 1.0)),
        ({"ramp_in": 1}, 3, (0.0, 0.5, 1.0, 2.0)),
        ({"flags": {"requests": 2}}, 2, (0.0, 0.5)),
        ({"flags": {"requests": 9}}, 4, (0.0, 0.5, 1.0, 2.0)),
        ({"ab": "http://localhost:1"}, 2, (0.0, 0.5, 1.0, 2.0)),
        ({"ab": "http://localhost:1", "requests": 1}, 1, (0.0, 0.5)),
        ({"ab": "http://localhost:1", "requests": 1, "ramp_in": 1}, 1, (0.0, 0.5, 1.0, 2.0)),
    ],
)
def test_a_replay_has_the_requests_of_its_trace_or_its_first_ones(
    tmp_path: Path, arguments: dict[str, Any], requests: int, offsets: tuple[float, ...]
) -> None:
    """They are known when the tests are collected."""
    found = replayed(tmp_path, **arguments)
    assert (found.plan.requests, load.schedule(found.plan.load, 9).offsets_s) == (requests, offsets)
    assert found.source is not None
    assert found.plan.prompts == found.source.description


def test_more_requests_than_a_trace_has_are_refused(tmp_path: Path) -> None:
    """The message names both."""
    with pytest.raises(MarkerError, match=r"4 requests, speed 2' starts 4 requests, and requests is 5: leave"):
        replayed(tmp_path, requests=5)
    with pytest.raises(MarkerError, match=r"starts 2 requests of each side, and requests is 3: leave"):
        replayed(tmp_path, requests=3, ab="http://localhost:1")


def test_prompts_and_a_nonce_come_from_the_marker_or_for_every_test(tmp_path: Path) -> None:
    """The command line counts most."""
    (tmp_path / "b.txt").write_text("b\n", encoding="utf-8")
    assert planned(prompts=["a"]).prompts == "1 prompt, in turn (ee9f966faa4a)"
    chosen = planned(flags={"prompts": str(tmp_path / "b.txt")}, prompts=["a"]).prompts
    assert str(chosen).startswith("1 prompt of b.txt, in turn")
    assert (planned().nonce, planned(nonce=True).nonce) == (False, True)
    assert not planned(nonce=False, ini={"nonce": True}).nonce
    assert planned(nonce=False, flags={"nonce": True}).nonce


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
        ((), {"x": 3}, r"has no argument 'x': known are model, requests, .*, ab\."),
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
        ({"http_version": 3}, "http_version is '3': write '1.1' or '2'"),
        ({"http_version": True}, "http_version is 'True'"),
        ({"tolerance": float("nan")}, "tolerance is nan"),
        ({"concurrency": 2, "flags": {"requests": 1}}, "concurrency 2 is above requests 1"),
        ({"load": object()}, "is not a load"),
        ({"ramp_in": -1}, "ramp_in is -1"),
        ({"nonce": "yes"}, "nonce is 'yes': it must be True or False"),
        ({"load": "replay a.csv", "requests": "20"}, "requests is '20'"),
    ],
)
def test_impossible_values_are_refused_wherever_they_come_from(arguments: dict[str, Any], message: str) -> None:
    """Types count as values do."""
    with pytest.raises(MarkerError, match=message):
        planned(**arguments)


def test_an_adaptive_run_measures_at_most_four_times_as_many_as_a_fixed_one() -> None:
    """Where nobody says how many."""
    found = planned(adaptive=True)
    assert (found.adaptive, found.requests) == (True, 240)
    assert planned(adaptive=True, requests=400).requests == 400
    assert planned(adaptive=True, flags={"requests": 500}).requests == 500


@pytest.mark.parametrize("source", [{"flags": {"adaptive": True}}, {"ini": {"adaptive": True}}])
def test_the_option_makes_those_tests_adaptive_that_can_be(source: dict[str, Any]) -> None:
    """One with few requests of its own, without a gate, with an end of its own or two sides is measured as ever."""
    assert (planned(**source).adaptive, planned(**source).requests) == (True, 240)
    assert planned(requests=120, **source).adaptive
    few, ungated = planned(requests=119, **source), planned(gate=False, **source)
    assert (few.adaptive, few.requests) == (False, 119)
    assert (ungated.adaptive, ungated.requests) == (False, plan.DEFAULT_REQUESTS)
    ramped, sided = planned(load="ramp 10/s..30/s over 10s", **source), planned(ab="http://localhost:1", **source)
    assert (ramped.adaptive, ramped.requests) == (False, 200)
    assert (sided.adaptive, sided.requests) == (False, plan.DEFAULT_REQUESTS)


def test_a_marker_may_leave_itself_out_of_what_the_ini_file_says() -> None:
    """The command line counts before both."""
    assert not planned(adaptive=False, ini={"adaptive": True}).adaptive
    assert planned(adaptive=False, flags={"adaptive": True}).adaptive


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"adaptive": "yes"}, "adaptive is 'yes': it must be True or False."),
        ({"adaptive": True, "requests": 60}, "raise requests to at least 120, or leave adaptive out."),
        ({"adaptive": True, "gate": False}, "gate=False gates nothing: leave one of them out."),
        ({"flags": {"adaptive": True, "requests": 60}}, "raise requests to at least 120, or leave adaptive out."),
        ({"adaptive": True, "load": "ramp 10/s..30/s over 10s"}, "leave adaptive out, or write a load that stays the"),
        ({"flags": {"adaptive": True, "ab": "http://localhost:1"}}, "leave one of the two out."),
    ],
)
def test_a_run_that_cannot_be_adaptive_says_why(arguments: dict[str, Any], message: str) -> None:
    """What is demanded is never left out silently."""
    with pytest.raises(MarkerError, match=re.escape(message)):
        planned(**arguments)


def test_gate_and_limits_of_the_settings_hold_where_the_marker_names_none() -> None:
    """Those of the command line hold before the marker's; an empty gate compares nothing."""
    elsewhere = {"gate": ("tpot",), "limits": ("ttft.p95 < 1s",)}
    found = planned(ini=elsewhere)
    assert (found.gate, found.limits) == (("tpot",), ("ttft.p95 < 1s",))
    found = planned(ini=elsewhere, gate=["e2e"], limits="e2e.p95 < 2s")
    assert (found.gate, found.limits) == (("e2e",), ("e2e.p95 < 2s",))
    found = planned(flags={"gate": (), "limits": ()}, gate=["e2e"], limits="e2e.p95 < 2s")
    assert (found.gate, found.limits) == ((), ())
