"""Writing the section of a session to a terminal, in its width, its colours and its encoding."""

from collections.abc import Sequence
from typing import Any

from pytest_llm_latency.model import Session
from pytest_llm_latency.report.terminal import lines
from pytest_llm_latency.report.text import encodable


def write(writer: Any, session: Session, *, verbosity: int, artefacts: Sequence[tuple[str, str]]) -> None:  # noqa: ANN401  (pytest's own writer)
    """Write the section below its heading; artefacts are pairs of a title and a path."""
    written = lines(
        session,
        width=writer.fullwidth,
        verbosity=verbosity,
        artefacts=artefacts,
        unicode=_takes_unicode(writer),
    )
    for line in written:
        for span in line.spans:
            writer.write(span.text, **dict.fromkeys(span.markup, True))
        writer.write("\n")


def write_plain(writer: Any, text: str) -> None:  # noqa: ANN401  (the same)
    """Write lines that something else than a person reads, such as a CI."""
    writer.write(encodable(text, unicode=_takes_unicode(writer)))


def _takes_unicode(writer: Any) -> bool:  # noqa: ANN401  (the same)
    encoding = getattr(writer._file, "encoding", None) or "utf-8"  # noqa: SLF001  (the stream behind it)
    try:
        "▁█→∞".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
