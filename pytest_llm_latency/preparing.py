"""What a session checks and starts before it measures: the files that its options name, and the simulator."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from pytest_llm_latency import config_file, options
from pytest_llm_latency.errors import SettingsError
from pytest_llm_latency.options import Option, Settings

if TYPE_CHECKING:
    import pytest

    from pytest_llm_latency.execution.access import Access
    from pytest_llm_latency.execution.price_file import ModelPrices
    from pytest_llm_latency.simulator.process import SimulatorProcess


def settings(config: "pytest.Config") -> Settings:
    """Return what command line, settings file, variables and ini file of a session say; raises ``SettingsError``."""

    def command_line(option: Option) -> str | bool | None:
        return cast("str | bool | None", config.getoption(option.ini))

    def ini(option: Option) -> str | None:
        return cast("str | None", config.getini(option.ini))

    # No public name of pytest has all keys of the ini file, and pytest 9 renamed the one that has.
    attributes = vars(config)
    options.check_ini_keys(attributes.get("_inicfg", attributes.get("inicfg", ())))
    named = command_line(options.CONFIG) or ini(options.CONFIG)
    file = config_file.load(config.rootpath, config.rootpath / str(named) if named else None)
    return options.resolve(command_line, ini, config.rootpath, file)


def check_environment(settings: Settings) -> None:
    """Refuse a label of the environment that is no safe folder name, before anything is measured."""
    from pytest_llm_latency.storage import baselines  # noqa: PLC0415  (a worker's label was its controller's)

    baselines.check_label(settings.environment)


def check_folders(settings: Settings) -> None:
    """Prove that results, and baselines where some are to be accepted, can be written; raises ``UnwritableError``."""
    from pytest_llm_latency.storage import atomic, results_folder  # noqa: PLC0415  (only the process that stores)

    results_folder.prepare(settings["results"])
    if settings["accept"]:
        atomic.check_writable(settings["baselines"])


def check_files(settings: Settings) -> None:
    """Refuse a profile of the simulator, prices and objectives that cannot be read, before anything is measured."""
    check_simulator_options(settings)
    _check_accepting(settings)
    read_prices(settings)
    if settings["slo"] is not None:
        from pytest_llm_latency import sources  # noqa: PLC0415  (only with such a file)

        sources.objectives(settings["slo"], None, settings.environment)


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
    path = settings["prices"]
    if path is None:
        return {}
    from pytest_llm_latency.execution.price_file import read  # noqa: PLC0415  (only with prices of one's own)

    return read(path)


def access(settings: Settings) -> "Access":
    """Return how the settings file reaches providers, in litellm's words; raises ``ProviderError`` for unknown ones."""
    from pytest_llm_latency.execution.access import check_names  # noqa: PLC0415  (litellm takes seconds)

    found = {
        name: {word: value for word, value in (("api_key", each.api_key), ("api_base", each.base_url)) if value}
        for name, each in settings.file.providers.items()
    }
    check_names(found)
    return found


def _profile(settings: Settings) -> dict[str, object]:
    profile = settings["simulate-profile"]
    if profile is None:
        return {}
    from pytest_llm_latency.simulator.settings import load_settings  # noqa: PLC0415  (only with such a file)

    return dict(load_settings(profile))


def start_simulator(settings: Settings) -> "SimulatorProcess":
    """Start the embedded simulator with the profile and the slowdown of the settings, where workers reach it."""
    from pytest_llm_latency.simulator.process import SimulatorProcess  # noqa: PLC0415  (only with its switch)

    content, slowdown = _profile(settings), settings["simulate-slowdown"]
    if slowdown != 1:
        content["slowdown"] = float(str(content.get("slowdown", 1))) * slowdown
    return SimulatorProcess(content, host=settings["listen"])
