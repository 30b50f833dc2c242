"""Frames and the proof of the token, without sockets."""

import asyncio
import struct

import pytest

from pytest_llm_latency.errors import ChannelError
from pytest_llm_latency.workers import channel
from pytest_llm_latency.workers.channel import Message

FULL = Message(kind="shard", body={"part": 1, "share": float("inf"), "text": "é\n"}, data=b"\x00\xff", number=7)


async def received(data: bytes) -> Message:
    """Return the message that these bytes are, at the end of which the connection closes."""
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    return await channel.read(reader, 1.0)


def lengths(head: int, data: int = 0) -> bytes:
    """Return the beginning of a frame."""
    return struct.pack("!II", head, data)


@pytest.mark.parametrize("message", [FULL, Message(kind="alive", body={})], ids=["full", "empty"])
async def test_a_message_arrives_as_it_was_sent(message: Message) -> None:
    """Kind, number, body and bytes."""
    assert await received(channel.encode(message)) == message


@pytest.mark.parametrize(
    "data",
    [
        lengths(3) + b"[1,",
        lengths(4) + b"null",
        lengths(2) + b"{}",
        lengths(9) + b'["a",1,2]',
        lengths(11) + b'["a",1.5,{}]'[:11],
        lengths(9) + b"[1,1,{}]\n",
        lengths(200_000) + b"[" * 200_000,
        lengths(4) + b"\xff\xfe\xfd\xfc",
    ],
)
async def test_what_is_no_message_is_an_error_of_its_own(data: bytes) -> None:
    """Whatever its bytes are, nothing but a ``ChannelError`` comes of them."""
    with pytest.raises(ChannelError, match=r"is another program connected\?"):
        await received(data)


@pytest.mark.parametrize(
    "announced", [(channel.MOST_BYTES + 1, 0), (0, channel.MOST_BYTES + 1), (2**32 - 1, 2**32 - 1)]
)
async def test_a_frame_that_would_be_too_long_is_refused_before_it_is_read(announced: tuple[int, int]) -> None:
    """Its lengths are enough."""
    with pytest.raises(ChannelError, match="are allowed"):
        await received(lengths(*announced))


def test_a_message_that_is_too_long_is_not_sent() -> None:
    """The sender is told to divide it."""
    with pytest.raises(ChannelError, match="send it in parts"):
        channel.encode(Message(kind="shard", body={}, data=bytes(channel.MOST_BYTES)))


async def test_half_a_frame_ends_in_bounded_time() -> None:
    """The rest must follow within the time that is given."""
    reader = asyncio.StreamReader()
    reader.feed_data(channel.encode(FULL)[:-1])
    with pytest.raises(TimeoutError):
        await channel.read(reader, 0.001)


@pytest.mark.parametrize("body", [{}, {"name": ""}, {"name": 1}, {"name": "g" * 65}])
def test_a_worker_introduces_itself_by_a_short_name(body: dict[str, object]) -> None:
    """Anything else is refused."""
    assert channel.name_of(Message(kind=channel.HELLO, body={"name": "gw0"})) == "gw0"
    with pytest.raises(ChannelError, match="did not begin with a worker's name"):
        channel.name_of(Message(kind=channel.HELLO, body=body))
