"""Where the runs of a session come from: its id, its root, its settings, and which process measures."""

import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llm_latency.options import BY_NAME, Settings

if TYPE_CHECKING:
    from pytest_llm_latency.model import Environment


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What one session's runs have in common; ``worker`` is ``None`` without workers.

    ``controller_region`` is what the controller's environment says of where it stands.
    """

    session_id: str
    root: Path
    settings: Settings
    worker: str | None
    controller_region: str | None

    @property
    def share(self) -> float:
        """This process's part of what the whole session may use."""
        return 1 / self._workers

    @property
    def beside(self) -> int:
        """How many other workers measure other tests at the same time."""
        return self._workers - 1 if self.settings["workers"] == "parallel" else 0

    @property
    def _workers(self) -> int:
        return 1 if self.worker is None else int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))

    def shown(self, path: Path) -> str:
        """Return a path as a person below the root would write it."""
        return str(path.relative_to(self.root) if path.is_relative_to(self.root) else path)

    @property
    def region(self) -> str | None:
        """Where this process stands: a worker whose environment differs from the controller's knows it best."""
        own = own_region()
        if self.worker is not None and own is not None and own != self.controller_region:
            return own
        named: str | None = self.settings["region"]
        return named

    def surroundings(self) -> "Environment":
        """Describe where this process measures; asking git takes longer than a short test."""
        from pytest_llm_latency import surroundings  # noqa: PLC0415  (only where something was measured)

        return surroundings.describe(label=self.settings.environment, region=self.region, root=self.root)

    @property
    def folders(self) -> dict[str, str]:
        """The folders that are not the usual ones, by the option that names them."""
        return {
            name: self.shown(self.settings[name])
            for name in ("results", "baselines")
            if self.settings[name] != self.root / BY_NAME[name].default
        }


def own_region() -> str | None:
    """Return where this machine stands by its own environment."""
    return os.environ.get(str(BY_NAME["region"].variable)) or None


def new_session_id() -> str:
    """Return an id that sorts by time and is unique."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
