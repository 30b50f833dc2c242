"""The simulator as a process of its own, so that it never competes with the measuring for a loop."""

import json
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from pytest_llm_latency import wire
from pytest_llm_latency.errors import PortInUseError, SettingsError, SimulatorError
from pytest_llm_latency.simulator.protocols import PROTOCOLS
from pytest_llm_latency.simulator.settings import read_settings
from pytest_llm_latency.simulator.truth import Exchange
from pytest_llm_latency.suggestions import nearest

_MODULE = "pytest_llm_latency.simulator.server"
_TIMEOUT_S = 30.0
_CLOSING_S = 5.0
_ERRORS = {"PortInUseError": PortInUseError, "SettingsError": SettingsError}


class SimulatorProcess:
    """Starts the simulator and stops it at the end of a ``with`` block.

    ``settings`` has the keys of a settings file. With ``tls`` the ``base_url`` is https, and clients
    take the file ``certificate`` as their authority; it is gone when the simulator has stopped.
    The process ends by itself when this one does.
    Raises ``PortInUseError`` for a port that is taken and ``SimulatorError`` when it does not start.
    """

    def __init__(
        self,
        settings: Mapping[str, object] | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: bool = False,
    ) -> None:
        read_settings(settings or {})
        # A proxy of the environment has no business between this process and its child.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self._errors: deque[str] = deque(maxlen=20)
        self._process = subprocess.Popen(  # noqa: S603  (our own module under our own interpreter)
            [sys.executable, "-m", _MODULE, "--host", host, "--port", str(port), *(["--tls"] if tls else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._reader = threading.Thread(target=self._read_errors, name="llm-simulator-stderr", daemon=True)
        self._reader.start()
        try:
            greeting = self._greeting()
            self.base_url = str(greeting["base_url"])
            self._control_url = greeting["control_url"]
            certificate = greeting["certificate"]
            self.certificate = None if certificate is None else Path(certificate)
            if settings:
                self.configure(settings)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The number of the simulator's process."""
        return self._process.pid

    def api_base(self, provider: str) -> str:
        """Return what litellm needs as ``api_base`` for a provider of ``PROTOCOLS``."""
        if provider not in PROTOCOLS:
            raise SimulatorError(
                f"the simulator does not speak for the provider {provider!r}: {nearest(provider, tuple(PROTOCOLS))}"
            )
        return f"{self.base_url}{PROTOCOLS[provider].API_BASE}"

    @property
    def api_bases(self) -> dict[str, str]:
        """The ``api_base`` of every provider that is simulated."""
        return {provider: self.api_base(provider) for provider in PROTOCOLS}

    def truth(self, request: int | str) -> Exchange:
        """Return what happened to the request with a number, which its response's headers tell."""
        return _exchange(self._ask(f"/_simulator/truth?request={request}"))

    def truths(self, *, since: int = 0) -> tuple[Exchange, ...]:
        """Return what happened to all requests above a number, oldest first."""
        lines = self._ask(f"/_simulator/truth?since={since}").splitlines()
        return tuple(_exchange(line) for line in lines)

    def configure(self, settings: Mapping[str, object]) -> None:
        """Replace the named top-level settings from the next request on; others stay."""
        try:
            body = json.dumps(settings, allow_nan=False, default=dict).encode()
        except (TypeError, ValueError) as error:
            raise SettingsError(f"the settings are no JSON ({error}): use plain values.") from None
        self._ask("/_simulator/profile", body)

    def reset(self) -> None:
        """Start the draws and drifts again and forget the log."""
        self._ask("/_simulator/reset", b"")

    def close(self) -> None:
        """Stop the process; a second call does nothing."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(_CLOSING_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(_CLOSING_S)
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def _greeting(self) -> Mapping[str, str | None]:
        if self._process.stdout is None:
            raise self._dead()
        line = self._process.stdout.readline()
        if not line:
            raise self._dead()
        greeting: Mapping[str, str] = json.loads(line)
        if "base_url" in greeting:
            return greeting
        raise _ERRORS.get(greeting["error"], SimulatorError)(greeting["message"])

    def _ask(self, path: str, body: bytes | None = None) -> str:
        request = urllib.request.Request(f"{self._control_url}{path}", data=body)  # noqa: S310  (our own server's URL)
        try:
            with self._opener.open(request, timeout=_TIMEOUT_S) as response:
                return str(response.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                raise _complaint(error.read().decode(), is_settings=path.endswith("/profile")) from None
        except OSError as error:
            if self._process.poll() is None:
                raise SimulatorError(f"the simulator does not answer ({error}): start it again.") from None
            raise self._dead() from None

    def _dead(self) -> SimulatorError:
        code = self._process.wait(_CLOSING_S)
        self._reader.join(_CLOSING_S)
        last = next((line for line in reversed(self._errors) if line), "it said nothing")
        return SimulatorError(f"the simulator's process ended with status {code}: {last}. Start it again.")

    def _read_errors(self) -> None:
        for line in self._process.stderr or ():
            self._errors.append(line.decode(errors="replace").strip())


def _exchange(text: str) -> Exchange:
    return wire.from_builtins(Exchange, json.loads(text))


def _complaint(text: str, *, is_settings: bool) -> SimulatorError | SettingsError:
    try:
        message = str(json.loads(text)["error"])
    except (ValueError, KeyError):
        message = text
    return SettingsError(message) if is_settings else SimulatorError(message)
