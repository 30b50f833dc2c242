"""The scripted client answers on its clock."""

from pytest_llm_latency.execution.clock import FakeClock
from pytest_llm_latency.execution.fake_client import Answer, FakeClient
from pytest_llm_latency.model import Failure
from recordings import MS, request


async def test_an_answer_comes_when_the_script_says() -> None:
    """The first delta after its time, the others after their gaps, one token each."""
    clock = FakeClock(10 * MS)
    client = FakeClient(lambda *_: Answer(ttft_s=0.2, gaps_s=(0.05, 0.01), text="ab"), clock)
    record = await client.send(request())
    said = client.decode(record)
    assert record.piece_ns == (210 * MS, 260 * MS, 270 * MS)
    assert (clock.now_ns(), record.stamps.closed) == (270 * MS, 270 * MS)
    assert (said.text, said.event_kinds, said.event_ns) == ("ababab", "ccc", record.piece_ns)
    assert said.usage is not None
    assert said.usage.tokens_out == 3
    client.close()


async def test_the_script_gets_the_request_and_its_number() -> None:
    """So that a test can let one of many fail."""
    broken = Failure(error_class="HTTP500", message="trouble", phase="provider")

    def script(asked: object, number: int) -> Answer:
        assert asked == request(str(number))
        return Answer(ttft_s=0.1, failure=broken if number else None)

    client = FakeClient(script, FakeClock())
    records = [await client.send(request(str(number))) for number in range(2)]
    assert [record.status for record in records] == ["ok", "error"]
    assert client.decode(records[1]).failure == broken
    assert client.requests == [request("0"), request("1")]
