"""A verdict without figures, which the comparisons fill in as far as they get."""

from pytest_llm_latency.model import Verdict, VerdictStatus


def draft(key: str, *, runs: int, status: VerdictStatus = "inconclusive", reasons: tuple[str, ...] = ()) -> Verdict:
    """Return the verdict on a series of which nothing is known but its accepted runs."""
    return Verdict(
        key=key,
        status=status,
        baseline_runs=runs,
        baseline=None,
        candidate=None,
        ratio=None,
        interval=None,
        raw_p_value=None,
        p_value=None,
        detectable=None,
        needed=None,
        information=None,
        reasons=reasons,
    )
