"""The errors that a user can cause. Each message ends with the remedy.

::

    LatencyError
    ├── UsageError
    │   ├── MarkerError          a wrong argument of the marker
    │   ├── SettingsError        a wrong option, ini key or settings file
    │   ├── ScenarioError        a wrong dataset, suite or fleet manifest
    │   ├── BodyError            a test body that cannot be measured
    │   ├── ProfileError         a wrong call of LatencyProfiler
    │   └── StatisticsError      numbers that cannot be compared
    ├── ProviderError
    │   ├── UnknownModelError    litellm does not know the model
    │   ├── MissingKeyError      an API key is not set (its value is never shown)
    │   ├── RequestFailedError   a request of a test body failed; the body may catch it
    │   └── BypassError          a request did not go through our transport
    ├── BudgetError              a budget that is used up, or that cannot be kept
    ├── VerdictError             a profile that fails, where its user asked to be told
    ├── StorageError
    │   ├── CorruptFileError     a file that cannot be read as what it should be
    │   ├── NewerVersionError    a file that a newer version of the plugin wrote
    │   ├── OlderVersionError    a file of a format that is no longer read
    │   ├── UnwritableError      a folder or disk that takes no file
    │   └── RefusedBaselineError a run that must not become a baseline
    ├── SimulatorError
    │   └── PortInUseError
    ├── ChannelError             workers and controller cannot hear each other
    └── WireError                a value that has no form as exact builtins
"""


class LatencyError(Exception):
    """The root of every error that this package raises on purpose."""


class UsageError(LatencyError):
    """Something that the user wrote cannot be done."""


class MarkerError(UsageError):
    """An argument of ``@pytest.mark.llm_latency`` is wrong."""


class SettingsError(UsageError):
    """An option, an ini key or a settings file is wrong."""


class ScenarioError(UsageError):
    """A file of scenarios is wrong."""


class BodyError(UsageError):
    """A test body cannot be measured."""


class ProfileError(UsageError):
    """``LatencyProfiler`` or one of its results was used in a way that it cannot be."""


class StatisticsError(UsageError):
    """Numbers that the statistics were given cannot be compared."""


class ProviderError(LatencyError):
    """A request cannot be built for its provider."""


class UnknownModelError(ProviderError):
    """The model's name has no provider."""


class MissingKeyError(ProviderError):
    """An API key that the provider needs is not set."""


class RequestFailedError(ProviderError):
    """A request of a test body failed: it is recorded as what it was, and the body may catch this."""


class BypassError(ProviderError):
    """A request did not pass through the stamping transport."""


class BudgetError(LatencyError):
    """A budget is used up before a test begins, or cannot be kept."""


class VerdictError(LatencyError):
    """A profile regressed, exceeds a limit or cannot be trusted."""


class StorageError(LatencyError):
    """A stored file cannot be read or written."""


class CorruptFileError(StorageError):
    """A file is damaged, truncated or not of its kind."""


class OlderVersionError(StorageError):
    """A file has a format that this version no longer reads."""


class NewerVersionError(StorageError):
    """A file has a format version that this version does not know."""


class UnwritableError(StorageError):
    """A file cannot be written where it belongs."""


class RefusedBaselineError(StorageError):
    """A run must not become a baseline."""


class SimulatorError(LatencyError):
    """The simulator cannot be started or does not answer."""


class PortInUseError(SimulatorError):
    """The port that was asked for belongs to another process."""


class ChannelError(LatencyError):
    """Workers and controller cannot reach each other, or one says what the other cannot read."""


class WireError(LatencyError):
    """A value cannot be turned into exact builtins, or back."""
