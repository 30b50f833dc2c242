"""Uses the public names as a typed program would; type-checked, never run."""

import math

import numpy as np
import pytest

from pytest_llm_latency import (
    AsyncCaller,
    FakeClient,
    FakeClock,
    LatencyError,
    Reply,
    RequestFailedError,
    SimulatorProcess,
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
