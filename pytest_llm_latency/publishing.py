"""Writes what a CI shows of a session by itself: whole files in the report folder, and what the CI adds up itself."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llm_latency import surroundings
from pytest_llm_latency.origin import Origin
from pytest_llm_latency.storage import atomic

if TYPE_CHECKING:
    from pytest_llm_latency.model import Evidence, Session

FOLDER = "report"


class Publishing:
    """The files of one session that a CI shows, if it runs in one that shows some.

    ``printed`` is what the CI takes from the log of its job.
    """

    def __init__(self, origin: Origin) -> None:
        from pytest_llm_latency.report.ci import place  # noqa: PLC0415  (only a session that measures needs it)

        self.printed = ""
        self._cleared = False
        self._origin = origin
        self._folder: Path = origin.settings["results"] / FOLDER
        server = _server(origin)
        self._place = None if server is None else place.place(server, os.environ, origin.root)

    def clear(self) -> None:
        """Remove the files of an earlier session, once: a run that is killed must not leave them as its own."""
        from pytest_llm_latency.report.ci import formats  # noqa: PLC0415  (with NumPy, which is slow to import)

        for each in () if self._cleared else formats.FORMATS:
            atomic.remove(self._folder / each.file)
        self._cleared = True

    def publish(self, session: "Session", evidence: "Mapping[str, Evidence]") -> list[tuple[str, str]]:
        """Write the files, all or none of them, and add to those of the CI; return a title and a path.

        Raises ``UnwritableError``.
        """
        from pytest_llm_latency.report.ci import formats, material, place  # noqa: PLC0415  (the same)

        if self._place is None:
            return []
        summary = _target("GITHUB_STEP_SUMMARY")
        room = place.MEBIBYTE - (0 if summary is None else atomic.size(summary))
        where = replace(self._place, summary_room=room)
        files = formats.render_all(material.Material(session=session, evidence=evidence, place=where))
        atomic.replace_all({self._folder / name: content for name, content in files.items()})
        rows = formats.of(where.server)
        for each in rows:
            target = _target(each.appended_to)
            if target is not None:
                atomic.append_text(target, files[each.file].decode())
        self.printed = "".join(files[each.file].decode() for each in rows if each.printed)
        return [(where.server, f"{self._origin.shown(self._folder)} ({len(files)} files)")]


def check(origin: Origin) -> None:
    """Prove, before anything is measured, that what the CI adds up itself can be added to.

    Raises ``UnwritableError``.
    """
    server = _server(origin)
    if server is None:
        return
    from pytest_llm_latency.report.ci import formats  # noqa: PLC0415  (with NumPy, which is slow to import)

    for each in formats.of(server):
        target = _target(each.appended_to)
        if target is not None:
            atomic.size(target)


def _server(origin: Origin) -> str | None:
    """Return the CI whose files are written."""
    if origin.settings["ci"] == "auto" and surroundings.ci() is None:
        return None
    from pytest_llm_latency.report.ci import place  # noqa: PLC0415  (no worker needs it)

    return place.server(origin.settings["ci"], surroundings.ci())


def _target(variable: str | None) -> Path | None:
    """Return the file that a variable names; a CI that sets none gets none."""
    name = None if variable is None else os.environ.get(variable)
    return Path(name) if name else None
