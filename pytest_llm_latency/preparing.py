"""What a session checks and starts before it measures: the files that its options name, and the simulator."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pytest_llm_latency.errors import SettingsError
from pytest_llm_latency.options import Settings

if TYPE_CHECKING:
    from pytest_llm_latency.execution.price_file import ModelPrices
    from pytest_llm_latency.simulator.process import SimulatorProcess


def check_files(settings: Settings) -> None:
    """Refuse a profile of the simulator and prices that cannot be read, before anything is measured."""
    check_simulator_options(settings)
    _check_accepting(settings)
    read_prices(settings)


def _check_accepting(settings: Settings) -> None:
    if settings["accept"] and settings["ab"] is not None:
        raise SettingsError(
            "--llm-latency-accept and --llm-latency-ab do not go together: a run with two sides is no baseline. "
            "Leave one of them out."
        )


def check_simulator_options(settings: Settings) -> None:
    """Refuse the simulator's options without its switch, and a profile that cannot be read."""
    if settings["simulate"]:
        _profile(settings)
        return
    for name in ("simulate-profile", "simulate-slowdown"):
        if name in settings.explicit:
            raise SettingsError(f"--llm-latency-{name} needs --llm-latency-simulate.")


def read_prices(settings: Settings) -> "Mapping[str, ModelPrices]":
    """Return the user's own prices; raises ``SettingsError`` for a file that cannot be read."""
    from pytest_llm_latency.execution.price_file import read  # noqa: PLC0415  (only a measuring process needs it)

    path = settings["prices"]
    return {} if path is None else read(path)


def _profile(settings: Settings) -> dict[str, object]:
    from pytest_llm_latency.simulator.settings import load_settings  # noqa: PLC0415  (only with its switch)

    profile = settings["simulate-profile"]
    return {} if profile is None else dict(load_settings(profile))


def start_simulator(settings: Settings) -> "SimulatorProcess":
    """Start the embedded simulator with the profile and the slowdown of the settings, where workers reach it."""
    from pytest_llm_latency.simulator.process import SimulatorProcess  # noqa: PLC0415  (only with its switch)

    content, slowdown = _profile(settings), settings["simulate-slowdown"]
    if slowdown != 1:
        content["slowdown"] = float(str(content.get("slowdown", 1))) * slowdown
    return SimulatorProcess(content, host=settings["listen"])
