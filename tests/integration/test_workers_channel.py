"""The channel between a controller and its workers over loopback: who gets in, what arrives, what ends it."""

import asyncio
import os
import queue
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from pytest_llm_latency.errors import ChannelError, SettingsError
from pytest_llm_latency.workers import channel
from pytest_llm_latency.workers.channel import Message
from pytest_llm_latency.workers.link import Link
from pytest_llm_latency.workers.listener import Listener, Peer

SOON_S = 20.0


class Controller:
    """A listener that notes what it hears; ``echo`` answers, ``keep`` does not, ``read`` expects a number."""

    def __init__(self, silence_s: float = SOON_S) -> None:
        self.heard: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
        self.peers: dict[str, Peer] = {}
        self.listener = Listener(
            {
                "echo": lambda peer, message: peer.reply(message, message.body, message.data),
                "keep": lambda peer, message: self.heard.put((peer.name, message.body["text"])),
                "read": lambda peer, message: self.heard.put((peer.name, str(int(message.body["number"])))),
                "call": lambda peer, message: peer.send("called", message.body),
            },
            came=lambda peer: self.peers.update({peer.name: peer}),
            gone=lambda peer, reason: self.heard.put((peer.name, reason)),
            silence_s=silence_s,
        )

    def link(self, name: str = "gw0", token: str | None = None) -> Link:
        """Return a connection to it."""
        return Link(name, self.listener.address, token or self.listener.token)

    def next(self) -> tuple[str, str]:
        """Return what it heard next, and of whom."""
        return self.heard.get(timeout=SOON_S)


@pytest.fixture(name="controller")
def listening() -> Iterator[Controller]:
    """Yield a controller that listens."""
    controller = Controller()
    yield controller
    controller.listener.close()


async def admitted(controller: Controller, name: str = "gw0") -> asyncio.StreamWriter:
    """Connect as a worker that will then say what it likes."""
    reader, writer = await asyncio.open_connection(*controller.listener.address)
    await channel.enter(reader, writer, controller.listener.token)
    writer.write(channel.encode(Message(kind=channel.HELLO, body={"name": name})))
    await writer.drain()
    return writer


def test_questions_are_answered_and_messages_arrive_in_their_order(controller: Controller) -> None:
    """From several workers at once, with bytes, in any thread."""
    links = [controller.link(f"gw{number}") for number in range(3)]
    answers = [link.ask("echo", {"number": number}, bytes([number])) for number in range(50) for link in links]
    got = [answer.result(SOON_S) for answer in answers]
    assert [(each.body["number"], each.data) for each in got[::3]] == [(n, bytes([n])) for n in range(50)]
    for text in "abc":
        links[1].send("keep", {"text": text})
    links[1].close()
    assert [controller.next() for _ in range(4)] == [
        *(("gw1", text) for text in "abc"),
        ("gw1", "it closed the connection"),
    ]
    for link in links:
        link.close()


def test_the_controller_may_speak_first(controller: Controller) -> None:
    """What it sends unasked goes to the handler of its kind; what has none is nobody's."""
    called: queue.SimpleQueue[Message] = queue.SimpleQueue()
    link = Link("gw0", controller.listener.address, controller.listener.token, {"called": called.put})
    link.send("call", {"number": 3})
    assert called.get(timeout=SOON_S).body == {"number": 3}
    controller.peers["gw0"].send("nothing", {})
    assert link.ask("echo", {"still": "there"}).result(SOON_S).body == {"still": "there"}
    link.close()


def test_who_does_not_know_the_token_is_not_heard(controller: Controller) -> None:
    """It gets no answer, and nothing that it sends reaches a handler."""
    with pytest.raises(ChannelError, match=r"the controller cannot be reached at 127\.0\.0\.1"):
        controller.link(token=channel.new_token())
    with socket.create_connection(controller.listener.address) as stranger:
        challenge = stranger.recv(64)
        stranger.sendall(bytes(64) + channel.encode(Message(kind="keep", body={"text": "let me in"})))
        assert len(challenge) == 32
        with suppress(ConnectionResetError):
            assert stranger.recv(64) == b""
    controller.link().send("keep", {"text": "first"})
    assert controller.next() == ("gw0", "first")


def test_a_worker_does_not_talk_to_a_controller_without_the_token() -> None:
    """Another program may have taken the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        token = channel.new_token()

        def pretend() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(bytes(64))
                connection.recv(1024)

        thread = threading.Thread(target=pretend)
        thread.start()
        with pytest.raises(ChannelError, match="does not know this session's token"):
            Link("gw0", server.getsockname()[:2], token)
        thread.join()


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "bytes was announced: 4,194,304 are allowed"),
        (struct.pack("!II", 3, 0) + b"abc", "no message"),
        (channel.encode(Message(kind="unknown", body={})), "'unknown', which nobody handles"),
        (channel.encode(Message(kind="read", body={"number": "x"})), "'read' cannot be read"),
        (channel.encode(Message(kind="read", body={})), "'read' cannot be read"),
    ],
)
async def test_a_worker_that_sends_nonsense_is_cut_off_and_named(
    controller: Controller, sent: bytes, reason: str
) -> None:
    """The others go on."""
    writer = await admitted(controller, "gw7")
    writer.write(sent)
    name, said = await asyncio.to_thread(controller.next)
    assert name == "gw7"
    assert reason in said
    writer.transport.abort()
    link = await asyncio.to_thread(controller.link)
    assert link.ask("echo", {}).result(SOON_S).body == {}
    await asyncio.to_thread(link.close)


@pytest.mark.parametrize("sent", [b"", channel.encode(Message(kind="keep", body={"text": "x"}))[:-3]])
async def test_a_worker_that_stalls_is_cut_off_after_the_silence_that_is_allowed(sent: bytes) -> None:
    """Between two messages and within one."""
    controller = Controller(silence_s=0.05)
    writer = await admitted(controller, "gw7")
    writer.write(sent)
    assert await asyncio.to_thread(controller.next) == ("gw7", "nothing whole came from it for 0.05 s")
    writer.transport.abort()
    controller.listener.close()


async def test_two_workers_of_one_name_are_told_apart_by_refusing_the_second(controller: Controller) -> None:
    """The first goes on; the name is free again when it has gone."""
    first = await asyncio.to_thread(controller.link)
    second = await admitted(controller)
    with pytest.raises(ChannelError):
        await asyncio.to_thread(lambda: controller.link().ask("echo", {}).result(SOON_S))
    assert first.ask("echo", {}).result(SOON_S).body == {}
    await asyncio.to_thread(first.close)
    assert controller.next() == ("gw0", "it closed the connection")
    second.transport.abort()


def test_a_question_to_a_controller_that_is_gone_is_an_error_and_not_a_wait(
    controller: Controller, caplog: pytest.LogCaptureFixture
) -> None:
    """Those under way, those that come later, and those after the link was closed."""
    link = controller.link()
    waiting = link.ask("keep", {"text": "no answer to this"})
    assert controller.next() == ("gw0", "no answer to this")
    caplog.clear()
    controller.listener.close()
    assert not caplog.records
    for asked in (waiting, link.ask("echo", {})):
        with pytest.raises(ChannelError, match="the connection to the controller is lost"):
            asked.result(SOON_S)
    link.close()
    link.send("keep", {"text": "nobody hears"})
    with pytest.raises(ChannelError, match="is lost"):
        link.ask("echo", {}).result(SOON_S)


def test_no_other_program_inherits_the_sockets(controller: Controller) -> None:
    """What a test body starts has none of them open."""
    link = controller.link()
    link.ask("echo", {}).result(SOON_S)
    assert link._writer is not None
    assert not controller.listener._socket.get_inheritable()
    for writer in (link._writer, controller.peers["gw0"]._writer):
        assert not os.get_inheritable(writer.get_extra_info("socket").fileno())
    link.close()


def test_an_address_that_is_not_of_this_machine_is_refused() -> None:
    """With a remedy."""
    with pytest.raises(SettingsError, match=r"cannot be listened to on 192\.0\.2\.1 .*name an address of this machine"):
        Listener({}, came=print, gone=print, host="192.0.2.1")
