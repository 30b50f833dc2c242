"""The race of a name's addresses."""

import asyncio
import socket
from typing import Any

import pytest

from pytest_llm_latency.execution import addresses

NEVER = float("inf")


def v4(name: str) -> Any:
    """Return an IPv4 address."""
    return (socket.AF_INET, socket.SOCK_STREAM, 6, "", (name, 80))


def v6(name: str) -> Any:
    """Return an IPv6 address."""
    return (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (name, 80, 0, 0))


class Opened:
    """Stands for a socket."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.closed = False

    def close(self) -> None:
        """Note it."""
        self.closed = True


class Network:
    """Opens each address after its time or refuses it then; ``begun`` lists the attempts in their order."""

    def __init__(self, **after_s: float | str) -> None:
        self._after_s = after_s
        self.begun: list[str] = []
        self.opened: list[Opened] = []

    async def open(self, address: Any) -> tuple[Opened, int]:
        """Attempt one address."""
        name = address[-1][0]
        self.begun.append(name)
        behaviour = self._after_s[name]
        if isinstance(behaviour, str):
            raise OSError(behaviour)
        if behaviour == NEVER:
            await asyncio.Event().wait()
        await asyncio.sleep(behaviour)
        self.opened.append(Opened(name))
        return self.opened[-1], len(self.opened)


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for less than RFC 8305 says."""
    monkeypatch.setattr(addresses, "ATTEMPT_DELAY_S", 0.01)


async def race(network: Network, monkeypatch: pytest.MonkeyPatch, *found: Any) -> str:
    """Return the winner's name."""
    monkeypatch.setattr(addresses, "_open", network.open)
    opened: Any = (await addresses.open_first(found))[0]
    return str(opened.name)


def test_the_families_take_turns_beginning_with_the_resolvers_first() -> None:
    """A broken family costs one delay and not one for each of its addresses."""
    found = [v6("a"), v6("b"), v6("c"), v4("d"), v4("e")]
    assert [each[-1][0] for each in addresses.taking_turns(found)] == ["a", "d", "b", "e", "c"]
    assert [each[-1][0] for each in addresses.taking_turns([v4("d"), v6("a")])] == ["d", "a"]


async def test_an_attempt_that_is_silent_is_joined_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first to succeed wins."""
    network = Network(a=NEVER, b=0)
    assert await race(network, monkeypatch, v6("a"), v4("b")) == "b"
    assert network.begun == ["a", "b"]


async def test_an_attempt_that_fails_is_followed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No delay is waited for."""
    monkeypatch.setattr(addresses, "ATTEMPT_DELAY_S", 60.0)
    network = Network(a="refused", b="refused", c=0)
    assert await race(network, monkeypatch, v6("a"), v4("b"), v6("c")) == "c"


async def test_an_early_attempt_may_still_win_and_what_others_opened_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """No socket is left open."""
    network = Network(a=0.03, b=NEVER, c=0.001)
    assert await race(network, monkeypatch, v6("a"), v4("b")) == "a"
    both = Network(a=0.01, b=0)
    winner = await race(both, monkeypatch, v6("a"), v4("b"))
    assert [opened.closed for opened in both.opened if opened.name != winner] in ([], [True])
    assert [opened.closed for opened in both.opened if opened.name == winner] == [False]


async def test_when_all_fail_the_first_address_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the one that the resolver prefers."""
    with pytest.raises(OSError, match="first"):
        await race(Network(a="first", b="second"), monkeypatch, v6("a"), v4("b"))


async def test_a_name_without_an_address_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some resolvers return none."""
    with pytest.raises(OSError, match="no address"):
        await race(Network(), monkeypatch)


async def test_an_address_is_not_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread is needed for it."""

    async def fail(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", fail)
    assert (await addresses.resolve("127.0.0.1", 80))[0][-1] == ("127.0.0.1", 80)
    assert (await addresses.resolve("::1", 80))[0][0] == socket.AF_INET6


@pytest.mark.parametrize("turns", range(1, 12))
async def test_a_cancellation_leaves_no_socket_open_whenever_it_comes(
    turns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even while the losers are given up."""
    won = socket.socket()
    opened: list[bool] = []

    async def opens(address: addresses.Address) -> tuple[socket.socket, int]:
        if address[0] == socket.AF_INET6:
            await asyncio.Event().wait()
        opened.append(True)
        return won, 1

    monkeypatch.setattr(addresses, "_open", opens)
    monkeypatch.setattr(addresses, "ATTEMPT_DELAY_S", 0)
    families = (socket.AF_INET6, socket.AF_INET)
    found: list[addresses.Address] = [(family, socket.SOCK_STREAM, 0, "", ()) for family in families]
    task = asyncio.create_task(addresses.open_first(found))
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    (outcome,) = await asyncio.gather(task, return_exceptions=True)
    await asyncio.sleep(0)
    if isinstance(outcome, tuple) or not opened:
        won.close()
    assert won.fileno() == -1
