"""Other hosts on this machine: a real sshd with keys of its own, and hosts with their addresses, names and clocks.

A host of its own is made of namespaces of Linux: of the network, so that it has its own addresses,
of the host's name, and of time, so that its monotonic clock stands elsewhere. The way to it is a
wire that delays every packet (``wire.py``): not every kernel has netem.
"""

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

SSHD = "/usr/sbin/sshd"
_SEPARATION = Path("/run/sshd")  # sshd of root wants it to be there
_CONFIG = """
ListenAddress {address}:{port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/user_key.pub
PidFile {folder}/sshd.pid
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
ClientAliveInterval 5
"""
_CLIENT = """
Host {name}
  HostName {address}
  Port {port}
  User {user}
  IdentityFile {folder}/user_key
  IdentitiesOnly yes
  UserKnownHostsFile {folder}/known_hosts
  StrictHostKeyChecking yes
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an sshd is to run: the commands that lead there, and the address that it listens on there."""

    way: tuple[str, ...]
    address: str


HERE = Place(way=(), address="127.0.0.1")


def make_keys(folder: Path) -> None:
    """Make the keys of a host and of its user."""
    for name in ("host_key", "user_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)


@contextlib.contextmanager
def sshd(folder: Path, name: str, place: Place = HERE) -> Iterator[Path]:
    """Run an sshd for one user of this machine; yield the configuration with which ssh reaches it as ``name``."""
    folder.mkdir()
    make_keys(folder)
    if os.getuid() == 0:
        _SEPARATION.mkdir(exist_ok=True)
    port = _free_port() if place is HERE else 2222
    values = {"address": place.address, "port": port, "folder": folder, "name": name, "user": getpass.getuser()}
    (folder / "sshd_config").write_text(_CONFIG.format_map(values), encoding="utf-8")
    (folder / "ssh_config").write_text(_CLIENT.format_map(values), encoding="utf-8")
    key = (folder / "host_key.pub").read_text(encoding="utf-8")
    (folder / "known_hosts").write_text(f"[{place.address}]:{port} {key}", encoding="utf-8")
    command = [*place.way, SSHD, "-D", "-e", "-f", str(folder / "sshd_config")]
    with running(command, until="Server listening") as said:
        assert said, f"{' '.join(command)} did not start"
        yield folder / "ssh_config"


@contextlib.contextmanager
def running(command: Sequence[str], *, until: str) -> Iterator[list[str]]:
    """Run a program; yield what it said up to the line with ``until``, nothing where it ended before."""
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    assert process.stderr is not None
    said: list[str] = []
    try:
        for line in process.stderr:
            said.append(line)
            if until in line:
                break
        else:
            said.clear()
        yield said
    finally:
        process.kill()  # unshare is deaf to the others, and what it runs ends with it
        process.wait()
        process.stderr.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


# Hosts of their own.


def missing() -> str | None:
    """Say why this machine cannot have hosts of its own, ``None`` where it can."""
    if os.getuid() != 0:
        return "namespaces of the network need root"
    if shutil.which("ip") is None:
        return "namespaces of the network need iproute2"
    if not Path("/dev/net/tun").exists():
        return "a wire needs /dev/net/tun"
    tried = subprocess.run(["unshare", "--net", "--uts", "--time", "true"], capture_output=True, check=False)
    return "the kernel has no namespaces of network and time" if tried.returncode else None


@contextlib.contextmanager
def host(number: int, name: str, *, delay_s: float, ahead_s: int) -> Iterator[Place]:
    """Make a host whose clock is ahead of this machine's, at the other end of a wire; yield how to get there."""
    own = f"llm{os.getpid()}{'abc'[number]}"
    wires = (f"{own}0", f"{own}1")
    here, there = (_address(4 * number + each) for each in (1, 2))
    script = Path(__file__).with_name("wire.py")
    _ip("netns", "add", own)
    try:
        with running([sys.executable, str(script), str(delay_s), *wires], until="ready") as said:
            assert said, "the wire did not start"
            _ip("link", "set", wires[1], "netns", own)
            _ip("address", "add", f"{here}/30", "dev", wires[0])
            _ip("link", "set", wires[0], "up")
            for command in (
                ("address", "add", f"{there}/30", "dev", wires[1]),
                ("link", "set", wires[1], "up"),
                ("link", "set", "lo", "up"),
                ("route", "add", "default", "via", here),
            ):
                _ip("-netns", own, *command)
            renamed = ("sh", "-c", 'hostname "$0" && exec "$@"', name)
            way = ("ip", "netns", "exec", own, "unshare", "--uts", "--pid", "--time", f"--monotonic={ahead_s}")
            yield Place(way=(*way, "--fork", "--kill-child", *renamed), address=there)
    finally:
        _ip("netns", "delete", own)


def controller_address() -> str:
    """Return the address under which every host of its own reaches this machine."""
    return _address(1)


def _address(last: int) -> str:
    return f"10.{os.getpid() >> 8 & 255}.{os.getpid() & 255}.{last}"


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)
