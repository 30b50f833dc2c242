"""Runs suites as their users do: a folder of tests, a quick simulator, pytest in this process or in one of its own.

A run in this process costs a tenth of a second where one of its own imports litellm for seconds.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pytest_llm_latency.storage import baselines, results

MODEL = "openai/gpt-4o-mini"
QUICK = {"ttft": "30ms", "inter_token": "2ms", "headers_s": 0.001, "output_tokens": 4}
INI = "[pytest]\nasyncio_default_fixture_loop_scope = function\n"
SWITCH = "--llm-latency"
SIMULATE = "--llm-latency-simulate"
PROFILE = "--llm-latency-simulate-profile=quick.json"
MEASURED = (SWITCH, SIMULATE, PROFILE)

# What nearly every test measures: {0} is a test's name, {1} what follows in the marker.
CHAT = """
import pytest

@pytest.mark.llm_latency(model="openai/gpt-4o-mini", requests=20, warmup=1, concurrency=10)
async def test_chat(llm):
    reply = await llm("Say hello.")
    assert reply.text
"""


class Imported:
    """Keeps what inner runs import, which pytester forgets: some of it is slow, some cannot be imported twice."""

    def __init__(self, suites: Path) -> None:
        self._suites = suites
        self._modules: dict[str, ModuleType] = {}

    def pytest_unconfigure(self) -> None:
        """Note, as a plugin of an inner run, what is imported."""
        self._modules |= {name: module for name, module in sys.modules.items() if name not in self._modules}

    def restore(self) -> None:
        """Import it again, so to say, but for the modules of the suites themselves."""
        for name, module in self._modules.items():
            if not str(getattr(module, "__file__", None)).startswith(str(self._suites)):
                sys.modules.setdefault(name, module)


class Suite:
    """A folder with tests, and what running it left there."""

    def __init__(self, pytester: pytest.Pytester, imported: Imported) -> None:
        self.pytester = pytester
        self._imported = imported
        self.path = pytester.path
        self.profile()
        (self.path / "pytest.ini").write_text(INI, encoding="utf-8")

    def profile(self, *faults: Mapping[str, object], **changes: object) -> None:
        """Write how the simulator behaves."""
        content = {"profiles": {"*": {**QUICK, **changes}}, "faults": list(faults)}
        (self.path / "quick.json").write_text(json.dumps(content), encoding="utf-8")

    def ini(self, *lines: str) -> None:
        """Write the ini file with further lines."""
        (self.path / "pytest.ini").write_text(INI + "".join(f"{line}\n" for line in lines), encoding="utf-8")

    def write(self, source: str = CHAT, name: str = "test_suite") -> None:
        """Write one file of tests."""
        self.pytester.makepyfile(**{name: source})

    def measure(self, *arguments: str) -> pytest.RunResult:
        """Measure in this process against the embedded simulator."""
        return self.run(*MEASURED, *arguments)

    def run(self, *arguments: str) -> pytest.RunResult:
        """Run pytest in this process with these arguments alone."""
        result = self.pytester.runpytest_inprocess(*arguments, plugins=[self._imported])
        self._imported.restore()
        return result

    def start(self, *arguments: str) -> pytest.RunResult:
        """Run pytest in a process of its own."""
        return self.pytester.runpytest_subprocess(*arguments, timeout=60)

    @property
    def reported(self) -> bool:
        """Whether a run has written reports: one that measured nothing leaves those before."""
        return (self.path / ".llm-latency" / "results.json").exists()

    @property
    def document(self) -> dict[str, Any]:
        """The JSON report of the last run."""
        text = (self.path / ".llm-latency" / "results.json").read_text(encoding="utf-8")
        document: dict[str, Any] = json.loads(text)
        return document

    @property
    def benchmarks(self) -> list[dict[str, Any]]:
        """The entries of the JSON report, one a step."""
        found: list[dict[str, Any]] = self.document["benchmarks"]
        return found

    @property
    def verdicts(self) -> dict[str, str]:
        """The verdict of each test of the last run, by the test's name."""
        return {each["metadata"]["test_id"].partition("::")[2]: each["verdict"]["status"] for each in self.benchmarks}

    @property
    def session(self) -> results.StoredSession:
        """What the last run has stored."""
        return results.read_session(results.latest(self.path / ".llm-latency"))

    @property
    def accepted(self) -> dict[str, int]:
        """The accepted runs of each test, by the test's name."""
        entries = baselines.entries(self.path / "baselines", "simulator")
        return {entry.test_id.partition("::")[2]: entry.runs for entry in entries}

    def texts(self) -> dict[Path, bytes]:
        """Return every file that lies in the folder, with its bytes."""
        return {path: path.read_bytes() for path in self.path.rglob("*") if path.is_file()}


def printed(result: pytest.RunResult) -> str:
    """Return everything that a run has printed, for searching."""
    return "\n".join([*result.outlines, *result.errlines])
