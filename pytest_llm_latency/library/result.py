"""The result of a profile: figures as attributes, what is said of them, and what becomes of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llm_latency import profiles
from pytest_llm_latency.errors import ProfileError, VerdictError
from pytest_llm_latency.library.figures import Figures
from pytest_llm_latency.model import Comparison, LimitCheck, Notice, Result, Run, Summary, Trust, VerdictStatus
from pytest_llm_latency.profiles import Profile

if TYPE_CHECKING:
    import pandas as pd


class UntrustedRunWarning(UserWarning):
    """The figures of a profile cannot be trusted; its result says why."""


class ProfileResult(Figures):
    """What one profile measured, as in ``result.ttft.p95``, and what is said of it.

    The figures are those of the only step. Where the body names several, ``result.step_named("answer").ttft``
    has those of one, and the attributes raise ``ProfileError``.
    """

    def __init__(self, profile: Profile) -> None:
        self._profile = profile

    @property
    def summary(self) -> Summary:
        """The figures of the only step; raises ``ProfileError`` where there are several."""
        found = self._profile.result.summaries
        if len(found) != 1:
            named = ", ".join(f"step_named({each.step!r})" for each in found)
            raise ProfileError(
                f"{self.name} has {len(found)} steps, each with figures of its own: write result.{named}."
                if found
                else f"{self.name} ended before its first measured request: see result.reasons, and profile again."
            )
        return found[0]

    @property
    def steps(self) -> Mapping[str | None, Figures]:
        """The figures of each step by its name, in the order of their first calls."""
        return {each.step: Figures(each) for each in self._profile.result.summaries}

    def step_named(self, name: str | None) -> Figures:
        """Return the figures of one step; raises ``ProfileError`` for a name that no call had."""
        found = self.steps
        if name not in found:
            raise ProfileError(f"{self.name} has no step {name!r}: it has {', '.join(map(repr, found))}.")
        return found[name]

    @property
    def name(self) -> str:
        """What the profile is called: later ones of the same name are compared with it."""
        return self._profile.run.test_id

    @property
    def run(self) -> Run:
        """The plan, every request with its stamps, the surroundings."""
        return self._profile.run

    @property
    def judged(self) -> Result:
        """Everything that is said of the run, as reports take it."""
        return self._profile.result

    @property
    def status(self) -> VerdictStatus:
        """The verdict: ``no_baseline`` until ``gate`` has compared it with another run."""
        return self.judged.status

    @property
    def fails(self) -> bool:
        """Whether a test with this result would fail: it regressed, exceeds a limit or is not valid."""
        return self.judged.fails

    @property
    def valid(self) -> bool:
        """Whether the measuring can be trusted; ``reasons`` says why not."""
        return self.status != "invalid"

    @property
    def complete(self) -> bool:
        """Whether it was measured to its end."""
        return self.run.complete

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the status is what it is, in sentences; none while there is nothing to compare with."""
        from pytest_llm_latency.report import wording  # noqa: PLC0415  (only where it is asked for)

        told = (each for each in wording.findings(self.judged) if each.status != "no_baseline")
        return (*self.judged.reasons, *(text for each in told for text in (each.text, *each.reasons)))

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        """The verdict of each gated metric of each step."""
        return self.judged.comparisons

    @property
    def limits(self) -> tuple[LimitCheck, ...]:
        """What became of each limit."""
        return self.judged.limits

    @property
    def warnings(self) -> tuple[Notice, ...]:
        """What is to be known beside the figures, each with a remedy."""
        return self.judged.warnings

    @property
    def trust(self) -> Trust:
        """How well this machine kept up."""
        return self.judged.trust

    def check(self) -> "ProfileResult":
        """Return the result itself; raises ``VerdictError`` where it fails."""
        if self.fails:
            from pytest_llm_latency.report import terminal  # noqa: PLC0415  (only a failure needs it)

            raise VerdictError(terminal.failure_message(self.judged))
        return self

    def gate(self, against: "ProfileResult | Run | str | Path") -> "ProfileResult":
        """Return the result with the verdicts beside another one, by the engine that judges tests.

        ``against`` is a result, a run, or whatever ``llm-latency compare`` takes: a Parquet file, a session's
        folder, a baselines folder, a pattern, ``"last"``. Several runs are pooled, and tell more. Runs of
        another name count where they are all of one benchmark. Raises ``UsageError`` where nothing is there or
        none of this name, ``StorageError`` for a file that cannot be read or runs that cannot be trusted.
        """
        values = self._profile.values  # noqa: PD011  (a mapping, no table)
        return ProfileResult(profiles.judged(self.run, _runs(against, values["results"]), values))

    def to_pandas(self) -> "pd.DataFrame":
        """Return a row for each request, warm-up included, with the columns of ``samples.parquet``."""
        return profiles.frame(self._profile)

    def to_parquet(self, path: str | Path) -> Path:
        """Write the run with all its requests: ``gate``, ``llm-latency compare`` and pandas read it.

        Returns the path. Raises ``UnwritableError``.
        """
        return _written(Path(path), profiles.samples_file(self._profile))

    def to_json(self, path: str | Path | None = None) -> str:
        """Return the figures and verdicts in the format of ``results.json``, and write them where there is a path.

        Raises ``UnwritableError``.
        """
        content = profiles.document(self._profile)
        if path is not None:
            _written(Path(path), content)
        return content.decode()

    def report(self, path: str | Path) -> Path:
        """Write the HTML report, one file, and return its path. Raises ``UnwritableError``."""
        return _written(Path(path), profiles.page(self._profile))

    def __str__(self) -> str:
        from pytest_llm_latency.report import terminal  # noqa: PLC0415  (only where it is asked for)

        return "\n".join([terminal.section(self.judged), *self.reasons])

    def __repr__(self) -> str:
        return f"<ProfileResult {self.name}: {self.status}, {len(self.run.samples)} requests>"


def _runs(against: "ProfileResult | Run | str | Path", results: Path) -> tuple[Run, ...]:
    """Return the runs that are meant; sessions are looked up in the folder of results."""
    if isinstance(against, ProfileResult):
        return (against.run,)
    if isinstance(against, Run):
        return (against,)
    from pytest_llm_latency.commands import sides  # noqa: PLC0415  (only for files)

    return tuple(each.run for each in sides.of("against", str(against), results))


def _written(path: Path, content: bytes) -> Path:
    from pytest_llm_latency.storage import atomic  # noqa: PLC0415  (only for files)

    atomic.check_writable(path.parent)
    atomic.replace_bytes(path, content)
    return path
