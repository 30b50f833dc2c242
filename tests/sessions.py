"""Fixed sessions with most of what can happen; their reports stand in tests/golden/files."""

import dataclasses
from collections.abc import Mapping

import nouns
from pytest_llm_latency.model import Evidence, Notice, Result, Run, Sample, Session
from pytest_llm_latency.stats.summary import by_region

MARKUP_MESSAGE = '503: <script>alert("1")</script> & a very \x1b[31mred page'


def regressed() -> tuple[Result, Evidence]:
    """Return a test that got slower, over a limit, in a changed environment."""
    run = nouns.run(nouns.lognormal(60, median=0.33, seed=2))
    baseline = [nouns.run(nouns.lognormal(60, median=0.25, seed=seed)) for seed in (3, 4)]
    result = nouns.result(
        "regressed",
        of=run,
        baseline=baseline,
        comparisons=(
            nouns.comparison("ttft", "regressed"),
            nouns.comparison("e2e", baseline=1.6, candidate=1.61, ratio=1.006, interval=(0.97, 1.04)),
        ),
        limits=(nouns.limit("ttft.p95 < 500ms", "regressed", message="ttft p95 is 561 ms, above the limit of 500 ms"),),
        environment_changes=("litellm 1.99.0 → 1.100.0",),
        warnings=(Notice(code="loop_lag", message="The event loop lagged 12 ms: lower concurrency."),),
    )
    return result, nouns.evidence(run, *baseline)


def inconclusive() -> tuple[Result, Evidence]:
    """Return a test with failed requests, whose messages hold markup, that cannot be decided."""
    failed = nouns.failure("ServiceUnavailableError", MARKUP_MESSAGE)
    slow = nouns.samples([None if index % 16 == 3 else 0.4 + index / 500 for index in range(64)], failed=failed)
    test_id = "tests/integration/providers/test_many.py::TestProviders::test_chat[openai/gpt-4o-mini]"
    run = nouns.run(samples=slow, test_id=test_id)
    baseline = nouns.run(nouns.lognormal(60, median=0.4, seed=7), test_id=test_id)
    undecided = nouns.comparison(
        "ttft",
        "inconclusive",
        baseline=0.61,
        candidate=0.72,
        ratio=1.18,
        interval=(0.93, 1.5),
        p_value=0.09,
        needed=240,
        reasons=(
            "p95 610 ms → 720 ms (+18 %, 95 % interval -7 … +50 %), p = 0.09 over 1 baseline run",
            "inconclusive: this run could have seen +42 % or more; about 240 requests would show +20 %",
        ),
    )
    improved = nouns.comparison("e2e", "improved", baseline=1.9, candidate=1.5, ratio=0.79, interval=(0.7, 0.9))
    errors = nouns.comparison(
        "error_rate",
        "inconclusive",
        baseline=0.0,
        candidate=0.0625,
        ratio=None,
        interval=None,
        reasons=("0 of 60 requests (0 %) failed in the baseline, 4 of 64 requests (6.2 %) in this run, p = 0.07",),
    )
    result = nouns.result(
        "inconclusive",
        of=run,
        baseline=[baseline],
        comparisons=(undecided, improved, errors),
    )
    return result, nouns.evidence(run, baseline)


def talk() -> Run:
    """Return a run of two steps."""
    question = nouns.samples(nouns.lognormal(60, median=0.2), step="question")
    answer = nouns.samples(nouns.lognormal(60, median=0.3, seed=5), step="follow up")
    return nouns.run(samples=question + answer, test_id="tests/test_talk.py::test_talk")


def full() -> tuple[Session, Mapping[str, Evidence]]:
    """Return a session with most of what can happen."""
    one, of_one = regressed()
    two, of_two = inconclusive()
    three = nouns.result("no_baseline", of=talk())
    four = nouns.result("no_baseline", of=nouns.run([0.25] * 60, test_id="tests/test_chat.py::test_tool_call"))
    bad = nouns.run([None] * 20, test_id="tests/test_chat.py::test_refused")
    five = nouns.result("invalid", of=bad, reasons=("All 20 requests failed: raise the quota or lower the rate.",))
    session = nouns.session(one, two, three, four, five)
    evidence = {
        one.test_id: of_one,
        two.test_id: of_two,
        three.test_id: nouns.evidence(talk()),
        five.test_id: nouns.evidence(bad),
    }
    return session, evidence


def empty() -> tuple[Session, Mapping[str, Evidence]]:
    """Return a session in which nothing was measured."""
    return nouns.session(), {}


def passing() -> tuple[Session, Mapping[str, Evidence]]:
    """Return a session in which nothing got slower."""
    run, baseline = nouns.run(nouns.lognormal(60, median=0.25, seed=8)), nouns.run(nouns.lognormal(60, median=0.25))
    result = nouns.result(
        of=run,
        baseline=[baseline],
        comparisons=(nouns.comparison("ttft"), nouns.comparison("e2e", baseline=1.39, candidate=1.41)),
        limits=(nouns.limit(),),
    )
    return nouns.session(result), {result.test_id: nouns.evidence(run, baseline)}


def placed() -> tuple[Sample, ...]:
    """Return requests from two regions, fewer from the second."""
    near, far = nouns.lognormal(60, median=0.2, seed=2), nouns.lognormal(40, median=0.35, seed=3)
    samples = nouns.samples([*near, *far])
    return tuple(dataclasses.replace(each, region="eu" if each.index < len(near) else "us <east>") for each in samples)


def two_regions() -> tuple[Session, Mapping[str, Evidence]]:
    """Return a session that workers in two regions measured together, one of which saw fewer than p95 needs."""
    workers = (
        nouns.worker("gw0", host="eu-1", clock_offset_s=0.0, clock_error_s=0.00006),
        nouns.worker("gw1", host="us-1", region="us <east>", clock_error_s=0.04, start_skew_s=0.021),
    )
    run = nouns.run(samples=placed(), workers=workers)
    result = nouns.result("no_baseline", of=run, regions=by_region(run))
    return nouns.session(result), {result.test_id: nouns.evidence(run)}


def varied() -> list[tuple[Result, Evidence]]:
    """Return variants of one test: two models, one of them at two temperatures, with inputs of several lengths."""
    found = []
    for place, (model, temperature) in enumerate([
        ("openai/gpt-4o-mini", 0.0), ("openai/gpt-4o-mini", 1.0), ("anthropic/claude-haiku-4-5", 0.0),
    ]):  # fmt: skip
        latencies = nouns.lognormal(120, median=0.2 + 0.05 * place, seed=place)
        samples = [
            nouns.with_tokens(sample, 50 * 2 ** (index % 5), cost=0.0001 * (place + 1))
            for index, sample in enumerate(nouns.samples(latencies))
        ]
        run = nouns.run(
            samples=tuple(samples),
            test_id=f"tests/test_variants.py::test_translate[{model}-{temperature}]",
            plan=nouns.plan(model=model, requests=120),
            conditions=(
                nouns.conditions(
                    model=model,
                    provider=model.partition("/")[0],
                    endpoint=f"api.{model.partition('/')[0]}.example",
                    parameters=f'{{"max_tokens": 100, "temperature": {temperature}}}',
                ),
            ),
        )
        baseline = nouns.run(nouns.lognormal(120, median=0.2 + 0.05 * place, seed=place + 50))
        result = nouns.result(of=run, baseline=[baseline], comparisons=(nouns.comparison(),))
        found.append((result, nouns.evidence(run, baseline)))
    return found


def accepted() -> list[Run]:
    """Return ten accepted runs whose level rose at the seventh."""
    days = [f"2026-02-{day:02}T09:15:00+00:00" for day in range(10, 20)]
    level = [0.2] * 6 + [0.26] * 4
    return [
        nouns.run(
            nouns.lognormal(60, median=median, seed=seed),
            started_at=day,
            environment=nouns.environment(commit=day[:10]),
        )
        for seed, (median, day) in enumerate(zip(level, days, strict=True))
    ]


def changed() -> tuple[Result, Evidence]:
    """Return a test of many requests, some of them failed, with accepted runs whose level rose."""
    latencies: list[float | None] = [*nouns.lognormal(2400, median=0.34, seed=21)]
    latencies[500:520] = [None] * 20
    run = nouns.run(latencies, test_id="tests/test_many.py::test_rag", plan=nouns.plan(requests=2400))
    result = nouns.result(
        "regressed",
        of=run,
        baseline=accepted(),
        comparisons=(
            nouns.comparison("ttft", "regressed", baseline=0.301, candidate=0.498, ratio=1.62, interval=(1.48, 1.77)),
        ),
    )
    return result, nouns.evidence(run, *accepted())


def broad() -> tuple[Session, Mapping[str, Evidence]]:
    """Return a session whose page has every part and every chart."""
    parts = [changed(), inconclusive(), *varied()]
    return nouns.session(*(result for result, _ in parts)), {result.test_id: found for result, found in parts}


SESSIONS = {"full": full, "empty": empty, "passing": passing, "two-regions": two_regions}
ARTEFACTS = (("HTML", ".llm-latency/report/index.html"), ("JSON", ".llm-latency/report/results.json"))
