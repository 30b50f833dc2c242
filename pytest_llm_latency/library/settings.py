"""The options of a profiler: those of a test run, as arguments of Python."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypedDict

from pytest_llm_latency import config_file, options
from pytest_llm_latency.errors import ProfileError, SettingsError
from pytest_llm_latency.suggestions import nearest

Policy = Literal["warn", "fail", "pass"]


class Options(TypedDict, total=False):
    """The options of a test run that hold for every profile; durations and shares are numbers or texts.

    ``config`` names a settings file; without one none is read.
    """

    config: str | Path
    simulate_profile: str | Path
    simulate_slowdown: float | str
    retries: int
    retry_wait: float | str
    keep_answers: bool
    environment: str
    region: str
    prices: str | Path
    slo: str | Path
    monthly_requests: int
    error_limit: float | str
    max_error: float | str
    margin: float | str
    alpha: float | str
    on_inconclusive: Policy
    on_no_baseline: Policy


def read(given: Mapping[str, object], root: Path) -> options.Settings:
    """Return the settings of these arguments, of which ``None`` is unsaid; raise ``ProfileError`` for one that is none.

    Raises ``SettingsError`` for a value that cannot be read.
    """
    known = ("simulate", *Options.__annotations__)
    for name in given:
        if name not in known:
            raise ProfileError(f"LatencyProfiler has no option {name!r}: {nearest(name, known)}")
    # All as texts: a flag of the command line, where False is unsaid, could not say no.
    values = {name.replace("_", "-"): str(value) for name, value in given.items() if value is not None}
    named = values.pop("config", None)
    try:
        file = options.NO_FILE if named is None else config_file.load(root, root / str(named))
        return options.resolve(lambda option: values.get(option.name), lambda _: None, root, file)
    except SettingsError as error:
        raise SettingsError(in_arguments(str(error))) from None


def in_arguments(message: str) -> str:
    """Return a message that names options of pytest with those of a profiler."""
    simulated = message.replace("--llm-latency-simulate ", "simulate=True ").replace(
        "--llm-latency-simulate.", "simulate=True."
    )
    return re.sub(r"--llm-latency-([a-z-]+)", lambda option: option[1].replace("-", "_"), simulated)
