"""Where a run is measured: machine, versions, commit. Facts that explain a difference; never a secret."""

import functools
import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_llm_latency.model import Environment

_DISTRIBUTIONS = ("pytest-llm-latency", "litellm", "openai", "httpx", "httptools", "pytest")
_CI = {
    "GITHUB_ACTIONS": "GitHub Actions",
    "GITLAB_CI": "GitLab CI",
    "JENKINS_URL": "Jenkins",
    "BUILDKITE": "Buildkite",
    "CIRCLECI": "CircleCI",
    "CI": "CI",
}


def describe(*, label: str, region: str | None, root: Path) -> "Environment":
    """Return the facts of this process, this machine and the checkout below ``root``."""
    from pytest_llm_latency.model import Environment  # noqa: PLC0415  (only where something was measured)

    status = _git(root, "status", "--porcelain", "--untracked-files=no")
    return Environment(
        label=label,
        machine=_processor(),
        platform=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        cpus=os.cpu_count() or 1,
        versions=_versions(),
        commit=_git(root, "rev-parse", "HEAD"),
        branch=_git(root, "rev-parse", "--abbrev-ref", "HEAD"),
        dirty=None if status is None else bool(status),
        ci=ci(),
        region=region,
    )


def ci() -> str | None:
    """Return the name of the CI in which this process runs."""
    return next((name for variable, name in _CI.items() if os.environ.get(variable)), None)


def host() -> str:
    """Return the name of this machine."""
    return platform.node()


def _versions() -> dict[str, str]:
    """Return the versions of what measures, and which proxies the environment names: they too explain a difference."""
    from urllib.request import getproxies  # noqa: PLC0415  (with http, which a process that only collects needs not)

    from pytest_llm_latency.model import PROXY  # noqa: PLC0415  (only where something was measured)

    found = {name: version for name in _DISTRIBUTIONS if (version := _version(name)) is not None}
    proxies = ", ".join(sorted(f"{kind.upper()}_PROXY" for kind in getproxies() if kind != "no"))
    return {**found, PROXY: proxies} if proxies else found


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


@functools.cache
def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return f"{platform.machine()} {next(names, platform.processor())}".strip()


def _git(root: Path, *arguments: str) -> str | None:
    try:
        finished = subprocess.run(  # noqa: S603  (fixed arguments)
            ["git", *arguments],  # noqa: S607  (git as the user has it)
            cwd=root,
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return finished.stdout.strip() if finished.returncode == 0 else None
