"""What a run is judged against: its accepted runs, or the other side that it was interleaved with."""

from dataclasses import dataclass, replace

from pytest_llm_latency import interleaving
from pytest_llm_latency.model import Notice, Run
from pytest_llm_latency.stats.comparable import differences, missing_steps
from pytest_llm_latency.stats.comparison import Baseline, digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Against:
    """What was measured of the test itself, beside what it is compared with; ``differing`` says why it cannot be."""

    run: Run
    baseline: Baseline | None
    differing: tuple[str, ...]
    notices: tuple[Notice, ...]


def against(run: Run, accepted: Baseline | None) -> Against:
    """Return the two sides of a verdict; a run that has both of them needs no accepted one."""
    if run.plan.ab is not None:
        return _interleaved(run)
    differing = () if accepted is None else differences(accepted.conditions, run.conditions)
    missing = () if accepted is None or differing else missing_steps(accepted.conditions, run.conditions)
    return Against(run=run, baseline=accepted, differing=differing, notices=tuple(map(_missing, missing)))


def _interleaved(run: Run) -> Against:
    reference, own = interleaving.split(run)
    found = digest([reference])
    return Against(
        run=own,
        baseline=None if found is None else replace(found, beside=reference),
        differing=interleaving.differences(run),
        notices=(_CALIBRATION,) if interleaving.is_calibration(run) else (),
    )


_CALIBRATION = Notice(
    code="calibration",
    message="both sides are the same model at the same endpoint, so that whatever differs between them is chance: "
    "this is a calibration, and a red verdict of it a false alarm.",
)


def _missing(step: str | None) -> Notice:
    return Notice(
        code="step_missing",
        message=f"{'the step without a name' if step is None else f'step {step!r}'} is in the baseline, not in "
        "this run, so that it was not compared. If it is gone for good, accept this run.",
    )
