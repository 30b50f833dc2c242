"""What every renderer of a format gets."""

from collections.abc import Mapping
from dataclasses import dataclass

from pytest_llm_latency.model import Evidence, Session
from pytest_llm_latency.report.ci.place import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """A session, its raw runs by test id as far as they are there, and where it ran."""

    session: Session
    evidence: Mapping[str, Evidence]
    place: Place
