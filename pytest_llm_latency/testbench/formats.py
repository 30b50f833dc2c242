"""The table of the files that runs are exported as: one row makes the name, the help and the documentation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from pytest_llm_latency.testbench import lens, optimizer, results, runner
from pytest_llm_latency.testbench.rows import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One row: the text of a file from requests, of which there is at least one, and the name of their dataset.

    ``single`` says that a file has the requests of one provider.
    """

    title: str
    suffix: str
    encode: Callable[[Sequence[Row], str], str]
    single: bool = False


FORMATS: Mapping[str, Format] = MappingProxyType({
    "results": Format(title="LLM-Test-Bench results", suffix=".json", encode=results.document, single=True),
    "csv": Format(title="LLM-Test-Bench results as CSV", suffix=".csv", encode=results.table),
    "jsonl": Format(
        title="LLM-Test-Bench results a line, for LLM-Latency-Lens too", suffix=".jsonl", encode=results.lines
    ),
    "runner": Format(title="the output of LLM-Test-Bench's newer runner", suffix=".json", encode=runner.document),
    "lens": Format(title="LLM-Latency-Lens metrics of a request a line", suffix=".jsonl", encode=lens.requests),
    "lens-summary": Format(title="LLM-Latency-Lens aggregated metrics", suffix=".json", encode=lens.aggregated),
    "optimizer-events": Format(title="LLM-Auto-Optimizer events", suffix=".ndjson", encode=optimizer.events),
    "optimizer-latency": Format(title="LLM-Auto-Optimizer latency metrics", suffix=".json", encode=optimizer.latencies),
    "optimizer-profiles": Format(title="LLM-Auto-Optimizer profiles", suffix=".json", encode=optimizer.profiles),
})
