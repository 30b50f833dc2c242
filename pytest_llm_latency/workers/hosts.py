"""Workers on other hosts: which of xdist's are some, and what is to be kept in mind for them.

xdist 3 copies pytest itself, and whatever ``--rsyncdir`` names, into the folder of each host; xdist
4 will not. In a checkout it has no business, so that it is kept from it where nobody asked for it.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pytest_llm_latency.errors import SettingsError

EVERY = frozenset({"0.0.0.0", "::"})  # noqa: S104  (they are refused)
Spec = Any  # execnet's description of where a worker runs


def elsewhere(spec: Spec) -> bool:
    """Whether a worker runs on another host, or may."""
    return not spec.popen or bool(spec.via)


def check_address(specs: Iterable[Spec], address: str, *, named: bool) -> None:
    """Raise ``SettingsError`` for what is no address, and where other hosts need one and none was ``named``."""
    names = [str(spec.ssh or spec.via).split()[-1] for spec in specs if spec.ssh or spec.via]
    if address in EVERY:
        raise SettingsError(
            f"{address} is no address that workers can connect to: name one of this machine, as in "
            "--llm-latency-listen=10.0.0.5."
        )
    if names and not named:
        raise SettingsError(
            f"the workers on {names[0]} cannot reach this machine at {address}: name an address of it "
            "that every host reaches, as in --llm-latency-listen=10.0.0.5."
        )


def check_arguments(specs: Iterable[Spec], arguments: Sequence[str]) -> None:
    """Raise ``SettingsError`` for paths on the command line, which xdist looks for on each host in another folder."""
    if not any(elsewhere(spec) or spec.chdir for spec in specs):
        return
    paths = [each for each in arguments if Path(each.partition("::")[0]).exists()]
    if paths:
        raise SettingsError(
            f"{paths[0]} stands on the command line, and xdist does not find it on other hosts: choose tests with -k "
            "or testpaths in the ini file, and write options that take a file with '=', as in --junitxml=report.xml."
        )


def copy_nothing(manager: Any, *, asked: bool) -> None:  # noqa: ANN401  (xdist's, which may lack what is looked for)
    """Keep xdist from copying pytest into the checkouts of other hosts, unless its user ``asked`` it to copy."""
    if not asked and hasattr(manager, "roots"):
        manager.roots = []
