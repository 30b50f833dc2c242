"""What a body may do with ``llm``: steps, turns, tools, whole answers, other models, arrivals at a rate."""

import pytest

from suites import Suite

HEAD = """
import json
import pytest

def measured(**arguments):
    return pytest.mark.llm_latency(**{"model": "openai/gpt-4o-mini", "requests": 4, "warmup": 1, **arguments})
"""


def steps(suite: Suite) -> dict[str | None, int]:
    """Return the requests of each step of the last run's only test."""
    return {each["metadata"]["step"]: each["results"]["reliability"]["requests"] for each in suite.benchmarks}


@pytest.mark.parametrize(("kind", "wait"), [("async ", "await "), ("", "")])
def test_each_named_step_of_a_conversation_is_a_series(suite: Suite, kind: str, wait: str) -> None:
    """The second turn carries the first one's answer."""
    suite.write(
        f"""{HEAD}
@measured(concurrency=2)
{kind}def test_talk(llm):
    first = {wait}llm("Where is my parcel?", name="question")
    assert first.text
    messages = [
        {{"role": "user", "content": "Where is my parcel?"}},
        {{"role": "assistant", "content": first.text}},
        {{"role": "user", "content": "And now?"}},
    ]
    second = {wait}llm(messages, name="follow-up")
    assert second.text
"""
    )
    suite.measure("--llm-latency-accept").assert_outcomes(passed=1)
    assert steps(suite) == {"question": 4, "follow-up": 4}
    suite.measure().assert_outcomes(passed=1)
    assert {each["step"] for entry in suite.benchmarks for each in entry["comparisons"]} == {"question", "follow-up"}
    assert set(suite.verdicts.values()) == {"inconclusive"}  # so few requests compare, and decide nothing


def test_calls_without_a_name_are_told_apart_by_their_order(suite: Suite) -> None:
    """The first has none, the second is ``call 2``."""
    suite.write(f"{HEAD}\n@measured()\ndef test_twice(llm):\n    llm('a')\n    llm('b')\n")
    suite.measure().assert_outcomes(passed=1)
    assert steps(suite) == {None: 4, "call 2": 4}


@pytest.mark.parametrize("model", ["openai/gpt-4o-mini", "anthropic/claude-haiku-4-5", "gemini/gemini-2.5-flash"])
@pytest.mark.parametrize("stream", [True, False])
def test_a_tool_call_makes_the_round_trip(suite: Suite, model: str, *, stream: bool) -> None:
    """The model asks for the tool, the body answers, the model speaks; of every protocol, streamed and not."""
    suite.write(
        f"""{HEAD}
TOOL = {{
    "type": "function",
    "function": {{
        "name": "get_weather",
        "description": "Return the weather of a city.",
        "parameters": {{"type": "object", "properties": {{"city": {{"type": "string"}}}}, "required": ["city"]}},
    }},
}}

@measured(model={model!r})
async def test_weather(llm):
    messages = [{{"role": "user", "content": "How warm is it in Lisbon?"}}]
    asked = await llm(messages, name="ask", tools=[TOOL], tool_choice="required", stream={stream})
    [call] = asked.tool_calls
    assert call.name == "get_weather"
    assert "city" in json.loads(call.arguments)
    function = {{"name": call.name, "arguments": call.arguments}}
    messages += [
        {{"role": "assistant", "content": None,
          "tool_calls": [{{"id": call.id, "type": "function", "function": function}}]}},
        {{"role": "tool", "tool_call_id": call.id, "content": "21 degrees"}},
    ]
    answer = await llm(messages, name="answer", stream={stream})
    assert answer.text
    assert answer.usage.tokens_out
"""
    )
    suite.measure().assert_outcomes(passed=1)
    assert steps(suite) == {"ask": 4, "answer": 4}
    assert all(each["results"]["reliability"]["errors"] == {} for each in suite.benchmarks)
    assert {each["conditions"]["stream"] for each in suite.benchmarks} == {stream}


def test_a_body_may_name_the_model_itself(suite: Suite) -> None:
    """The marker then needs none."""
    suite.write(
        f"{HEAD}\n@measured(model=None)\ndef test_chat(llm):\n    llm('hi', model='anthropic/claude-haiku-4-5')\n"
    )
    suite.measure().assert_outcomes(passed=1)
    assert suite.benchmarks[0]["conditions"]["model"] == "anthropic/claude-haiku-4-5"


def test_no_model_at_all_is_one_message(suite: Suite) -> None:
    """It says where a model can be named."""
    suite.write(f"{HEAD}\n@measured(model=None)\nasync def test_chat(llm):\n    await llm('hi')\n")
    result = suite.measure()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["no model is named: write @pytest.mark.llm_latency(model=*"])
    assert "Traceback" not in result.stdout.str()


@pytest.mark.parametrize("kind", ["async ", ""])
def test_arrivals_at_a_rate_do_not_wait_for_answers(suite: Suite, kind: str) -> None:
    """Requests are under way together although no one set a concurrency; the first call of a body is planned."""
    wait = "await " if kind else ""
    suite.profile(ttft="300ms")
    suite.write(f"{HEAD}\n@measured(requests=10, load='100/s')\n{kind}def test_chat(llm):\n    {wait}llm('hi')\n")
    suite.measure().assert_outcomes(passed=1)
    (run,) = suite.session.runs(suite.session.tests[0])
    measured = [sample for sample in run.samples if sample.phase == "measure"]
    planned = [sample.stamps.scheduled for sample in measured]
    assert [round((each - planned[0]) / 1e6) for each in planned if each and planned[0]] == [10 * n for n in range(10)]
    assert measured[-1].stamps.started < (measured[0].stamps.closed or 0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("llm()", "the call has no prompt and the marker names none"),
        ("llm(7)", "llm(...) takes a prompt or a list of messages, not int"),
        ("llm('hi', name='')", "name='' cannot label a step"),
        ("llm('hi', messages=[])", "llm(...) takes the messages as its first argument"),
        ("llm('hi', timeout=0)", "timeout=0 is not a deadline"),
    ],
)
def test_a_wrong_call_stops_the_benchmark_with_its_message(suite: Suite, call: str, message: str) -> None:
    """No further iteration would mend it."""
    suite.write(f"{HEAD}\n@measured(requests=50)\ndef test_chat(llm):\n    {call}\n")
    result = suite.measure()
    result.assert_outcomes(failed=1)
    assert message in result.stdout.str()
    assert suite.document["summary"]["fails"]


@pytest.mark.parametrize(("kind", "wait"), [("async ", "await "), ("", "")])
def test_a_body_may_ask_for_responses_and_embeddings(suite: Suite, kind: str, wait: str) -> None:
    """Each is a step with figures of its own."""
    suite.write(
        f"""{HEAD}
@measured()
{kind}def test_search(llm):
    vectors = {wait}llm.embed(["one", "two"], model="openai/text-embedding-3-small", name="embed")
    assert len(vectors.embeddings) == 2
    reply = {wait}llm.respond("Which is the first?", name="respond")
    assert reply.text and reply.usage.tokens_out
"""
    )
    suite.measure().assert_outcomes(passed=1)
    assert steps(suite) == {"embed": 4, "respond": 4}
