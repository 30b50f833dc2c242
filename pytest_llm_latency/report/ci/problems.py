"""What a CI is to point at: one problem for each thing that is said of a benchmark, at the line of its test."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from pytest_llm_latency.model import Result, Session, VerdictStatus
from pytest_llm_latency.report import remedies, wording
from pytest_llm_latency.report.ci.place import Place
from pytest_llm_latency.report.rows import SEVERITY

_NO_RESULT = "no result: the test failed before it was measured; its own report says why."


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that went wrong: where, what was judged, what it came to, why, and what to do.

    ``about`` has no figure of the run, so that the fingerprint stays while the problem does.
    ``fails`` is whether the build is red for it. ``file`` is below the root of the checkout.
    """

    test_id: str | None
    file: str | None
    line: int | None
    status: VerdictStatus
    about: str
    fails: bool
    sentence: str
    reasons: tuple[str, ...]
    advice: remedies.Advice | None
    ratio: float | None

    @property
    def title(self) -> str:
        """The verdict and the test in a few words."""
        return f"{wording.TITLES[self.status]}: {self.test_id or 'LLM latency'}"

    @property
    def fingerprint(self) -> str:
        """What is the same in the next run if the problem is, and in no other problem."""
        identity = "\0".join((self.test_id or "", self.status, self.about))
        return hashlib.sha256(identity.encode(errors="surrogatepass")).hexdigest()


def problems(session: Session, place: Place) -> tuple[Problem, ...]:
    """Return every problem of a session, what fails first, then the gravest and the largest.

    That nothing was accepted yet is none, unless the build is red for it.
    """
    found = [each for result in session.results for each in _of_result(result, place)]
    found += _of_session(session, place)
    return tuple(sorted(found, key=lambda each: (not each.fails, SEVERITY[each.status], -(each.ratio or 0.0))))


def _of_result(result: Result, place: Place) -> Iterator[Problem]:
    if not result.fails and (result.silent or result.status == "no_baseline"):
        return
    advice = remedies.advice(result, command=remedies.accept_command(result))
    judged = [each for each in wording.findings(result) if each.status != "improved"]
    told = [(each.status, each.about, each.text, each.reasons, each.ratio) for each in judged]
    if not any(status == result.status for status, *_ in told) and result.status not in {"pass", "improved"}:
        first, *others = result.reasons or (wording.headline(result).partition(": ")[2],)
        told.append((result.status, result.status, first, tuple(others), None))
    for status, about, sentence, reasons, ratio in told:
        advised = advice if status == result.status else None
        yield Problem(
            test_id=result.test_id,
            file=place.path(result.file),
            line=result.line,
            status=status,
            about=about,
            fails=result.fails and status == result.status,
            sentence=sentence,
            reasons=reasons,
            advice=advised,
            ratio=ratio,
        )
        advice = None if advised is not None else advice


def _of_session(session: Session, place: Place) -> Iterator[Problem]:
    left = list(session.problems)
    for test_id in [] if session.interrupted else wording.missing(session):
        told = [each for each in left if each.startswith(f"{test_id}: ")]
        left = [each for each in left if each not in told]
        sentence = told[0].removeprefix(f"{test_id}: ") if told else _NO_RESULT
        yield _invalid("missing", sentence, test_id=test_id, file=place.path(test_id.partition("::")[0]))
    for sentence in left:
        yield _invalid("session", sentence, test_id=None, file=None)


def _invalid(about: str, sentence: str, *, test_id: str | None, file: str | None) -> Problem:
    return Problem(
        test_id=test_id,
        file=file,
        line=None,
        status="invalid",
        about=about,
        fails=True,
        sentence=sentence,
        reasons=(),
        advice=None,
        ratio=None,
    )
