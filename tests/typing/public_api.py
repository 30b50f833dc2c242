"""Uses the public names as a typed program would; type-checked, never run."""

import math

import numpy as np
import pytest

from pytest_llm_latency import (
    AsyncCaller,
    Event,
    FakeClient,
    FakeClock,
    Finished,
    LatencyError,
    LatencyProfiler,
    ProfileResult,
    Reply,
    RequestFailedError,
    SimulatorProcess,
    Snapshot,
    Started,
    SyncCaller,
    __version__,
    burst,
    closed,
    constant,
    generated,
    poisson,
    ramp,
    replay,
    shuffled,
    stages,
)
from pytest_llm_latency.execution.fake_client import Answer
from pytest_llm_latency.stats import GatePolicy, Series, gate

version: str = __version__


@pytest.mark.llm_latency(model="openai/gpt-4o-mini", load=constant(20))
async def test_async(llm: AsyncCaller) -> None:
    reply: Reply = await llm("Say hello.", name="greeting", temperature=0)
    text: str = reply.text
    messages = [{"role": "user", "content": "Say hello."}, reply.message]
    assert (await llm.respond(messages)).text or (await llm.embed("Hello.")).embeddings
    try:
        await llm(messages, model="anthropic/claude-haiku-4-5", stream=False)
    except RequestFailedError as error:
        problem: LatencyError = error
        raise AssertionError(text) from problem


@pytest.mark.llm_latency(model="openai/gpt-4o-mini", load=closed(4))
def test_plain(llm: SyncCaller) -> None:
    reply: Reply = llm("Say hello.")
    names: list[str | None] = [call.name for call in reply.tool_calls]
    vectors: tuple[tuple[float, ...], ...] = llm.embed(["Hello."], model="openai/text-embedding-3-small").embeddings
    messages = [{"role": "user", "content": "Say hello."}, *llm.respond("Say hello.", instructions="Be brief.").items]
    assert len(vectors) == 1 == len(messages)
    cost: float | None = reply.cost
    assert names == [] or cost is None


@pytest.mark.llm_latency(load=stages(("5/s", "10s"), (5, 20, 30)), prompts=generated(tokens=500, seed=1), nonce=True)
async def test_own_prompt(llm: AsyncCaller) -> None:
    prompt = llm.prompt
    await (llm(f"Summarise: {prompt}") if isinstance(prompt, str) else llm())


LOADS = (poisson(20, seed=1), ramp("1/s", "20/s", over="30s"), burst(10, every=2), replay("trace.csv", speed=2))
SHUFFLED = shuffled("prompts.jsonl", seed=3)


def judge_by_hand() -> str:
    runs = [np.full(50, 0.4), np.full(50, 0.41)]
    candidate = np.append(np.full(49, 0.5), math.inf)
    verdicts = gate([Series(key="chat|ttft", baseline=runs, candidate=candidate)], GatePolicy(alpha=0.01))
    ratio: float | None = verdicts[0].ratio
    return f"{verdicts[0].status} {ratio}"


def own_test_of_a_client(llm_simulator: SimulatorProcess) -> str:
    llm_simulator.configure({"slowdown": 2.0})
    return llm_simulator.api_base("openai")


def scripted_client() -> FakeClient:
    clock = FakeClock(start_ns=5)
    moment: int = clock.now_ns()
    return FakeClient(lambda request, number: Answer(ttft_s=0.1 * number, text=f"{request.model} {moment}"), clock)


async def body_of_a_profile(llm: AsyncCaller) -> None:
    assert (await llm("Say hello.", name="greeting")).text


def profile_without_pytest(before: ProfileResult) -> float | None:
    profiler = LatencyProfiler("openai/gpt-4o", base_url="http://localhost:8000/v1", alpha=0.01, max_error="5ms")
    result = profiler.profile("Say hello.", requests=100, load=constant(20), limits="ttft.p95 < 800ms", temperature=0)
    quantiles: tuple[float | None, ...] = (result.ttft.p95, result.e2e.p50, result.itl.mean, result.cost.maximum)
    needed: int | None = result.tpot.needed.get("p99")
    error_rate: float | None = result.error_rate
    judged = result.gate(against=before).gate(against="main.parquet").check()
    shares = judged.to_pandas()["ttft"].isna().mean(), quantiles, needed, error_rate
    assert shares or judged.to_json("run.json") or judged.to_parquet("run.parquet").exists()
    plain: ProfileResult = profiler.profile(body=lambda llm: llm("Say hello."), concurrency=4)
    return plain.step_named("greeting").goodput


async def profile_in_an_event_loop(profiler: LatencyProfiler) -> ProfileResult | None:
    def show(event: Event) -> None:
        assert isinstance(event, Started | Snapshot | Finished)

    measured: ProfileResult = await profiler.aprofile(prompts=generated(tokens=500), requests=60, on_event=show)
    async for event in profiler.events(body=body_of_a_profile, concurrency=8):
        if isinstance(event, Snapshot):
            done: tuple[int, float | None] = event.done, event.p95_s
        elif isinstance(event, Finished):
            assert done[0] or measured.valid
            return event.result
    return profiler.last
