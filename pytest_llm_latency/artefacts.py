"""The files in which a session is reported: made of what is stored, at its end and whenever somebody asks again.

What makes a file is a pure function of the session and of what is stored of it, so that the same stored
session gives the same bytes.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_llm_latency.errors import StorageError
from pytest_llm_latency.model import Evidence, Result, Session
from pytest_llm_latency.storage.results import StoredSession


@dataclass(frozen=True, slots=True, kw_only=True)
class Artefact:
    """One file: what it is called in the terminal, where it lies below a folder, and what makes its bytes."""

    title: str
    path: Path
    render: Callable[[Session, StoredSession], bytes]


def _page(session: Session, stored: StoredSession) -> bytes:
    from pytest_llm_latency.report import html  # noqa: PLC0415  (only a session with results needs it)

    return html.render(session, StoredEvidence(stored)).encode()


def _samples(session: Session, stored: StoredSession) -> bytes:  # noqa: ARG001  (it has the requests alone)
    from pytest_llm_latency.storage import formats  # noqa: PLC0415  (pyarrow is slow to import)

    return formats.gathered(dict.fromkeys(stored.folder / test.file for test in stored.tests))


def _document(session: Session, stored: StoredSession) -> bytes:  # noqa: ARG001  (it has the figures alone)
    from pytest_llm_latency.metrics import METRICS  # noqa: PLC0415  (the same)
    from pytest_llm_latency.report import json_report  # noqa: PLC0415

    return json_report.dumps(json_report.document(session, definitions=METRICS)).encode()


# results.json is the last, because it tells what went wrong before it.
ARTEFACTS = (
    Artefact(title="report", path=Path("report") / "index.html", render=_page),
    Artefact(title="samples", path=Path("samples.parquet"), render=_samples),
    Artefact(title="json", path=Path("results.json"), render=_document),
)


def rendered() -> list[Path]:
    """Return every file that may have been rendered into the folder of a session, for a CI too."""
    from pytest_llm_latency.report.ci.formats import FORMATS  # noqa: PLC0415  (only a session with results needs it)

    return [*(each.path for each in ARTEFACTS), *(Path("report") / each.file for each in FORMATS)]


def in_order(results: Iterable[Result], expected: Sequence[str]) -> tuple[Result, ...]:
    """Return results in the order of their tests, whatever the order in which they came."""
    places = {test_id: place for place, test_id in enumerate(expected)}
    return tuple(sorted(results, key=lambda each: places.get(each.test_id, len(places))))


class StoredEvidence(Mapping[str, Evidence]):
    """Each test's raw runs, read when they are asked for, so that only one test's are in memory."""

    def __init__(self, session: StoredSession) -> None:
        self._session = session
        self._tests = {test.test_id: test for test in session.tests}

    def __getitem__(self, test_id: str) -> Evidence:
        test = self._tests[test_id]
        (run,) = self._session.columns(test)
        if run.run.plan.ab is not None:
            beside, own = self._session.sides(test)
            return Evidence(run=own, baseline=(beside,))
        try:
            baseline, past = self._session.baseline_columns(test), self._session.baseline_past(test)
        except StorageError:  # the session was moved away from them: the charts have its run alone
            baseline, past = (), ()
        return Evidence(run=run, baseline=baseline, past=past)

    def __iter__(self) -> Iterator[str]:
        return iter(self._tests)

    def __len__(self) -> int:
        return len(self._tests)
