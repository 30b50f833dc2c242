"""The CIs that show files of a run by themselves, and where in one of them a session ran."""

import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One CI: its title, the variable with the root of the checkout, and the address of the job's own page."""

    title: str
    checkout: str
    page: Callable[[Mapping[str, str]], str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a session ran, as far as its files say it.

    ``folder`` is pytest's root below the root of the checkout, empty where they are the same:
    every CI looks for files from there. ``url`` is the job's page. ``summary_room`` is how many
    bytes GitHub's step summary still takes.
    """

    server: str
    folder: str
    url: str | None
    summary_room: int = MEBIBYTE

    def path(self, file: str) -> str:
        """Return a file below pytest's root as one below the root of the checkout."""
        return posixpath.normpath(posixpath.join(self.folder, file))


def _github_page(environ: Mapping[str, str]) -> str | None:
    parts = [environ.get(name) for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")]
    return None if None in parts else "{}/{}/actions/runs/{}".format(*parts)


SERVERS: Mapping[str, Server] = MappingProxyType({
    "github": Server(title="GitHub Actions", checkout="GITHUB_WORKSPACE", page=_github_page),
    "gitlab": Server(title="GitLab CI", checkout="CI_PROJECT_DIR", page=lambda environ: environ.get("CI_JOB_URL")),
    "jenkins": Server(title="Jenkins", checkout="WORKSPACE", page=lambda environ: environ.get("BUILD_URL")),
})


def server(setting: str, running_in: str | None) -> str | None:
    """Return the CI that a setting names; ``auto`` is that of the title, ``none`` and any other are ``None``."""
    if setting == "auto":
        return next((name for name, each in SERVERS.items() if each.title == running_in), None)
    return setting if setting in SERVERS else None


def place(name: str, environ: Mapping[str, str], root: Path) -> Place:
    """Return where a session ran, by the variables of its CI; ``root`` is pytest's."""
    checkout = environ.get(SERVERS[name].checkout)
    below = checkout is not None and root.is_relative_to(checkout)
    folder = root.relative_to(checkout).as_posix() if checkout is not None and below else ""
    return Place(server=name, folder="" if folder == "." else folder, url=SERVERS[name].page(environ))
