"""The options: their table, the reading of their values, and the merging of where they are set."""

from pytest_llm_latency.options.merging import SIMULATOR_ENVIRONMENT, Settings, check_ini_keys, resolve, stated
from pytest_llm_latency.options.settings_file import NO_FILE, SettingsFile
from pytest_llm_latency.options.table import BY_NAME, CONFIG, OPTIONS, Option
from pytest_llm_latency.options.values import CIS, POLICIES, WORKERS, Policy, Workers

__all__ = [
    "BY_NAME",
    "CIS",
    "CONFIG",
    "NO_FILE",
    "OPTIONS",
    "POLICIES",
    "SIMULATOR_ENVIRONMENT",
    "WORKERS",
    "Option",
    "Policy",
    "Settings",
    "SettingsFile",
    "Workers",
    "check_ini_keys",
    "resolve",
    "stated",
]
