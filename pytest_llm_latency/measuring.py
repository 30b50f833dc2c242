"""The measuring side of a session: one benchmark after another, each judged when it is done.

It reads baselines and writes nothing; what it makes is handed over as exact builtins, in the same
process as across processes.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pytest_llm_latency import preparing
from pytest_llm_latency.errors import LatencyError
from pytest_llm_latency.model import Compared, Environment, Notice, Plan, Result, Run
from pytest_llm_latency.origin import Origin
from pytest_llm_latency.wire import from_builtins, to_builtins

if TYPE_CHECKING:
    from pytest_llm_latency.benchmark import Benchmark
    from pytest_llm_latency.execution.client import Client
    from pytest_llm_latency.execution.executor import Look
    from pytest_llm_latency.execution.litellm_client import LiteLLMClient
    from pytest_llm_latency.judge import Baseline, Policy
    from pytest_llm_latency.parts import Part, Test
    from pytest_llm_latency.shares import Limits
    from pytest_llm_latency.stats import Noise
    from pytest_llm_latency.workers.link import Link


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What becomes of one benchmark, as it travels; ``result`` is what the gate said at once.

    ``undecided`` says that the p values of the tests that follow may still turn it red.
    """

    run: Run
    result: Result
    undecided: bool

    def pack(self) -> dict[str, Any]:
        """Return it as exact builtins."""
        return {"run": to_builtins(self.run), "result": to_builtins(self.result), "undecided": self.undecided}

    @staticmethod
    def unpack(data: Mapping[str, Any]) -> "Outcome":
        """Return what ``pack`` made."""
        run, result = from_builtins(Run, data["run"]), from_builtins(Result, data["result"])
        return Outcome(run=run, result=result, undecided=data["undecided"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The baselines of a session's tests, and what they say about all of them together.

    ``unreadable`` has the error of each baseline that cannot be read.
    """

    baselines: "Mapping[str, Baseline]"
    unreadable: Mapping[str, LatencyError]
    policy: "Policy"
    noise: "Noise"


def read_accepted(origin: Origin, compared: Mapping[str, Compared]) -> Accepted:
    """Read the baselines of the tests that are so compared, and pool their noise; one with two sides needs none."""
    from pytest_llm_latency import judge  # noqa: PLC0415  (the statistics are slow to import)
    from pytest_llm_latency.storage import baselines  # noqa: PLC0415  (only a process that judges)

    settings = origin.settings
    found: dict[str, Baseline] = {}
    unreadable: dict[str, LatencyError] = {}
    for test_id in (test_id for test_id, each in compared.items() if each.ab is None):
        try:
            digest = judge.digest(baselines.find(settings["baselines"], settings.environment, test_id))
        except LatencyError as error:
            unreadable[test_id] = error
        else:
            if digest is not None:
                found[test_id] = digest
    gates = {test_id: each.gate for test_id, each in compared.items()}
    family = judge.family(found, gates) + judge.interleaved(compared.values())
    policy = judge.session_policy(settings.values, family, origin.folders)
    noise = judge.shared_noise(found, gates, policy.gate)
    return Accepted(baselines=found, unreadable=unreadable, policy=policy, noise=noise)


class Measuring:
    """Measures and judges the latency tests of one process. ``compared`` has every selected one.

    ``link`` leads to the controller, where this process is one of several workers.
    """

    def __init__(
        self, origin: Origin, compared: Mapping[str, Compared], api_bases: Mapping[str, str] | None, link: "Link | None"
    ) -> None:
        self._origin = origin
        self._link = link
        self._compared = compared
        self._api_bases = api_bases
        self._client: LiteLLMClient | None = None
        self._accepted: Accepted | None = None

    def client(self, plan: Plan, benchmark: str) -> "Client":
        """Return the client of a benchmark, under its name, which keeps to the limits and budgets of plan and session.

        Raises ``ProviderError`` for a model that is unknown, not simulated or without its key, and ``BudgetError``
        where the session's budget is used up.
        """
        from pytest_llm_latency.execution.litellm_client import LiteLLMClient  # noqa: PLC0415  (litellm takes seconds)

        self._limits.check()
        if self._client is None:
            prices, access = preparing.read_prices(self._origin.settings), preparing.access(self._origin.settings)
            self._client = LiteLLMClient(api_bases=self._api_bases, prices=prices, access=access)
        self._client.prepare(plan.model)
        self._client.prepare_beside(plan)
        return self.limited(self._client, plan, benchmark)

    def limited(self, client: "Client", plan: Plan, benchmark: str) -> "Client":
        """Return a client that sends through another one what the limits and budgets of plan and session allow."""
        return self._limits.client(client, plan, benchmark)

    @functools.cached_property
    def _limits(self) -> "Limits":
        from pytest_llm_latency.shares import Limits  # noqa: PLC0415  (only a measuring process)

        return Limits(self._origin.settings, self._link, self._origin.share)

    def close(self) -> None:
        """Give litellm, which others in this process may use, its own settings back."""
        if self._client is not None:
            self._client.restore()

    def prepare(self, test: "Test") -> None:
        """Read the baselines of all tests once; raises ``StorageError`` when this test's cannot be read."""
        unreadable = self._baselines().unreadable.get(test.id)
        if unreadable is not None:
            raise unreadable

    def conclude(self, benchmark: "Benchmark", test: "Test") -> Outcome:
        """Decode and judge what a benchmark recorded, whole or cut off."""
        return self.judged(self.run(benchmark, test))

    def run(self, benchmark: "Benchmark", test: "Test") -> Run:
        """Decode what a benchmark recorded in this process alone, whole or cut off."""
        from pytest_llm_latency import parts  # noqa: PLC0415  (only a process that measures needs it)

        return parts.join(self._origin.session_id, [self.part(benchmark, test)])

    def attend(self, benchmark: "Benchmark", test: "Test", ask: "Callable[[Callable[[], Part]], Look] | None") -> None:
        """Let a benchmark ask at its looks whether it goes on, where a verdict may become clear.

        ``ask`` makes a look that asks elsewhere, of what is handed to it.
        """

        def part() -> "Part":
            return self.part(benchmark, test)

        async def look(_: int) -> Notice | None:
            return self.settled([part()])

        if test.id in self._baselines().baselines and not self._baselines().policy.accepting:
            benchmark.company = replace(benchmark.company, look=look if ask is None else ask(part))

    def settled(self, measured: "Sequence[Part]") -> Notice | None:
        """Return why an adaptive run that has come to these parts needs no more, ``None`` where it goes on."""
        from pytest_llm_latency import parts  # noqa: PLC0415  (only a process that measures needs it)
        from pytest_llm_latency.stats.settled import settled  # noqa: PLC0415  (the statistics are slow to import)

        run = parts.at_look(self._origin.session_id, measured)
        return settled(self.judged(run).result, run.looks[-1])

    def judged(self, run: Run) -> Outcome:
        """Return a run with what the gate says of it."""
        from pytest_llm_latency import judge  # noqa: PLC0415  (the statistics are slow to import)

        accepted = self._baselines()
        result = judge.judge(run, accepted.baselines.get(run.test_id), accepted.policy, accepted.noise)
        undecided = bool(judge.undecided([result], accepted.policy.gate))
        return Outcome(run=run, result=result, undecided=undecided)

    def _baselines(self) -> Accepted:
        if self._accepted is None:
            self._accepted = read_accepted(self._origin, self._compared)
        return self._accepted

    @functools.cached_property
    def _environment(self) -> Environment:
        return self._origin.surroundings()

    def part(self, benchmark: "Benchmark", test: "Test") -> "Part":
        """Decode what a benchmark recorded in this process, to its end or so far."""
        from pytest_llm_latency import surroundings  # noqa: PLC0415  (only a process that measures needs it)
        from pytest_llm_latency.execution.sampling import Place  # noqa: PLC0415  (the same)
        from pytest_llm_latency.parts import Part, worker  # noqa: PLC0415  (the same)

        progress, environment = benchmark.progress, self._environment
        place = Place(worker=self._origin.worker, host=surroundings.host(), region=environment.region)
        collected = benchmark.collect(place)
        return Part(
            test=test,
            worker=worker(place, progress.skew_ns),
            beside=self._origin.beside,
            plan=benchmark.plan,
            started_at=benchmark.started_at.isoformat(timespec="seconds"),
            began_ns=progress.began_ns,
            ended_ns=progress.ended_ns,
            looks=progress.looks,
            looking_ns=progress.looking_ns,
            complete=progress.complete,
            stopped=progress.stopped,
            settled=progress.settled,
            samples=collected.samples,
            failures=tuple(sorted(progress.failures.items())),
            facts=collected.facts,
            environment=environment,
            trust=progress.watch.trust(collected.samples),
            warnings=benchmark.warnings,
        )
