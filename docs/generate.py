"""Writes the reference pages, and the names of typed attributes, that come from tables in the code, or checks them.

``python docs/generate.py`` writes, ``python docs/generate.py --check`` exits with 1 where a file differs.
"""

import argparse
import inspect
import json
import re
import sys
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path

import commands_page
import library_page
import results_page
import settings_page

from pytest_llm_latency import cli, errors, looks, marker, plan
from pytest_llm_latency.commands import tree
from pytest_llm_latency.config_file.schema import schema
from pytest_llm_latency.load import SHAPES
from pytest_llm_latency.metrics import DEFINITIONS_VERSION, METRICS, Metric
from pytest_llm_latency.options import OPTIONS, Option
from pytest_llm_latency.report.ci.formats import FORMATS, Format
from pytest_llm_latency.report.ci.place import SERVERS
from pytest_llm_latency.run_figures import RUN_FIGURES, RunFigure
from pytest_llm_latency.simulator import faults
from pytest_llm_latency.simulator.protocols import PROTOCOLS, Protocol
from pytest_llm_latency.storage import messagepack, wide
from pytest_llm_latency.storage.columns import Column
from pytest_llm_latency.storage.formats import FORMATS as SAMPLE_FORMATS
from pytest_llm_latency.testbench.formats import FORMATS as EXPORT_FORMATS
from pytest_llm_latency.testbench.observatory import INDICATORS
from pytest_llm_latency.testbench.suites import PROVIDERS as SUITE_PROVIDERS

ROOT = Path(__file__).parents[1]

NOTE = "<!-- Written by docs/generate.py from {source}: change it there. -->\n"


def row(metric: Metric) -> str:
    """Return one line of the table of metrics."""
    compared = "yes" if metric.gated else ""
    return f"| `{metric.id}` | {metric.title} | {metric.unit} | {metric.direction} | {compared} | {metric.definition} |"


def run_figure_row(figure: RunFigure) -> str:
    """Return one line of the table of a run's figures."""
    return f"| `{figure.id}` | {figure.title} | {figure.unit} | {figure.direction} | {figure.definition} |"


def metrics_page() -> str:
    """Return the reference of all metrics."""
    return "\n".join([
        NOTE.format(source="pytest_llm_latency/metrics.py"),
        "# Metrics",
        "",
        f"Definitions, version {DEFINITIONS_VERSION}. Runs that were measured under another version are not compared.",
        "",
        "All stamps come from one monotonic clock. `started` is the moment at which the built request was handed to",
        "the transport; `scheduled` is when the load said that it should start. A delta is generated when it carries",
        "content, reasoning or a part of a tool call: role-only, empty, usage and ping events do not count.",
        "",
        "A request that was sent again (`--llm-latency-retries`) is one request: it is `started`, connected and sent",
        "when its first attempt was, and answered by its last. So `ttft`, `e2e` and `server_wait` have the attempts",
        "that failed and the waits between them in them; `attempts` of the [samples](samples.md) says how many",
        "there were. Runs with other retries are not compared.",
        "",
        "A request that failed ranks as slower than every success, in every quantile. A quantile that the sample",
        "cannot support is left out, with the number of requests that it needs.",
        "",
        "| id | name | unit | better | gate | definition |",
        "|---|---|---|---|---|---|",
        *map(row, METRICS.values()),
        "",
        "The metrics with *yes* under gate may stand in `gate=[...]` of the marker.",
        "",
        "## Figures of a run",
        "",
        "Each step of a run has these too. A limit names them without a statistic, as in `cost_per_1000_usd < $0.50`.",
        "",
        "| id | name | unit | better | definition |",
        "|---|---|---|---|---|",
        *(
            f"| `{each.id}` | {each.title} | {each.unit} | {each.direction} | {each.definition} |"
            for each in RUN_FIGURES.values()
        ),
        "",
    ])


def errors_page() -> str:
    """Return the reference of all errors, as their module draws them."""
    drawn = (errors.__doc__ or "").partition("::\n\n")[2]
    return "\n".join([
        NOTE.format(source="pytest_llm_latency/errors.py"),
        "# Errors",
        "",
        "Every error that the plugin raises on purpose is one of these. Its message ends with what to do.",
        "",
        "```text",
        *(line.removeprefix("    ") for line in drawn.rstrip().splitlines()),
        "```",
        "",
    ])


def library_reference() -> str:
    """Return the reference of use from a program, as its signatures and docstrings say."""
    return library_page.page(NOTE.format(source="pytest_llm_latency/library"))


def option_row(option: Option) -> str:
    """Return one line of the table of options."""
    flag = option.flag if option.metavar is None else f"{option.flag}={option.metavar}"
    variable = "" if option.variable is None else f"`{option.variable}`"
    key = f"`{option.key}`" if option.key else ""
    return f"| `{flag}` | `{option.ini}` | {key} | {variable} | {option.help.replace('%%', '%')} |"


def options_page() -> str:
    """Return the reference of all options."""
    return "\n".join([
        NOTE.format(source="pytest_llm_latency/options/table.py"),
        "# Options",
        "",
        "`--llm-latency` measures the marked tests; without it they are skipped. Every other option begins with",
        "`--llm-latency-`, is also an ini key (in `pyproject.toml` or `pytest.ini`) and has a key in a settings file.",
        "The command line counts more than the marker, the marker more than the settings file, the settings file more",
        "than a variable, a variable more than the ini key. Paths count from pytest's root directory.",
        "A key that begins with `llm_latency` and is none of these ends the run before it starts.",
        "",
        "| option | ini key | key of a settings file | variable | what it does |",
        "|---|---|---|---|---|",
        *map(option_row, OPTIONS),
        "",
    ])


def marker_page() -> str:
    """Return the reference of the marker, as its signature and docstring say."""
    parameters = inspect.signature(marker.llm_latency).parameters.values()
    return "\n".join([
        NOTE.format(source="pytest_llm_latency/marker.py"),
        "# The marker",
        "",
        "```text",
        "@pytest.mark.llm_latency(",
        *(f"    {each.name}: {re.sub(r'[a-z_.]+[.](?=[A-Z])', '', str(each.annotation))}," for each in parameters),
        ")",
        "```",
        "",
        (inspect.getdoc(marker.llm_latency) or "").replace("``", "`"),
        "",
        f"Where nothing is said: `requests={plan.DEFAULT_REQUESTS}`, of an adaptive run {looks.DEFAULT_REQUESTS},",
        f"`concurrency={plan.DEFAULT_CONCURRENCY}`,",
        f"`ramp_in=0`, `timeout={plan.DEFAULT_TIMEOUT_S:g}`, `gate={list(plan.DEFAULT_GATE)}`,",
        f"`tolerance='{plan.DEFAULT_TOLERANCE:.0%}'`;",
        f"`warmup` is as many as there are users, at least 2, and {marker.DEFAULT_OPEN_WARMUP} with every other load.",
        "",
        "## Loads",
        "",
        "| `load=` | what starts |",
        "|---|---|",
        *(f"| `{shape.form}` | {shape.meaning} |" for shape in SHAPES.values()),
        "",
        "A rate is a number per `s`, `min` or `h`, a time a number with `ms`, `s`, `min` or `h`.",
        "",
    ])


def faults_page() -> str:
    """Return the reference of what the simulator can do wrong."""
    kinds = {**faults.KINDS, **faults.HTTP_KINDS}
    return "\n".join([
        NOTE.format(source="pytest_llm_latency/simulator/faults.py"),
        "# Simulated faults",
        "",
        "A fault strikes the requests whose model fits its `model` pattern: a `share` of them, or `every` so many.",
        "`after_chunks` deltas come through before it where it strikes in mid-stream.",
        "",
        "| `kind` | what happens |",
        "|---|---|",
        *(f"| `{kind}` | {what} |" for kind, what in kinds.items()),
        "",
        "These strike at a `point`:",
        "",
        "| `kind` | what happens there |",
        "|---|---|",
        *(f"| `{kind}` | {what} |" for kind, what in faults.POINTED_KINDS.items()),
        "",
        "| `point` | where that is |",
        "|---|---|",
        *(f"| `{point}` | {where} |" for point, where in faults.POINTS.items()),
        "",
    ])


def _apis(protocol: Protocol) -> str:
    """Return the APIs that a protocol has, by the ends of its paths."""
    paths = [route.path for route in protocol.ROUTES]
    others = [name for name in ("responses", "embeddings") if any(path.endswith(f"/{name}") for path in paths)]
    return ", ".join(["chat", *others])


def providers_page() -> str:
    """Return the reference of all providers that the simulator speaks for."""
    rows = (
        f"| `{name}` | `{protocol.ENVIRONMENT[0]}` | `{protocol.ENVIRONMENT[1]}` | {_apis(protocol)} |"
        for name, protocol in PROTOCOLS.items()
    )
    return "\n".join([
        NOTE.format(source="pytest_llm_latency/simulator/protocols/__init__.py"),
        "# Providers",
        "",
        "Those that `--llm-latency-simulate` speaks for. The name is what stands before the slash of a model, and what",
        "`llm_simulator.api_base(...)` takes; `tgi` and `llama.cpp` are asked as `openai/` with an `api_base`. Others",
        "that litellm knows are measured too, but not simulated. How each is measured stands on a page of its own in",
        "`docs/providers`.",
        "",
        "| name | variable of the server | variable of the key | simulated |",
        "|---|---|---|---|",
        *rows,
        "",
    ])


def format_row(row: Format) -> str:
    """Return one line of the table of what each CI gets."""
    where = ", ".join(SERVERS[each].title for each in row.servers)
    file = f"`{row.file}`"
    if row.appended_to is not None:
        file = f"{file}, added to `${row.appended_to}`"
    if row.printed:
        file = f"{file}, printed to the log"
    return f"| {row.name} | {where} | {file} | {row.shown} |"


def ci_page() -> str:
    """Return the reference of what is written for each CI."""
    return "\n".join([
        NOTE.format(source="pytest_llm_latency/report/ci/formats.py"),
        "# What each CI gets",
        "",
        "A run writes these files to `.llm-latency/report/`, beside the HTML report, for the CI that it runs in.",
        "`--llm-latency-ci` names the CI where it is not to be noticed: `github`, `gitlab`, `jenkins`; `none` writes",
        "none of them. They are replaced whole. An earlier session's are removed when the first test begins, so that",
        "a run that was killed is never shown as the one before it.",
        "",
        "| what | CI | file | where it shows |",
        "|---|---|---|---|",
        *map(format_row, FORMATS),
        "",
        "The CI is noticed by a variable that it sets: `GITHUB_ACTIONS`, `GITLAB_CI`, `JENKINS_URL`. A place that a",
        "file is added to is tried before anything is measured. Files of tests are named from the root of the",
        "checkout, wherever pytest's own root lies below it.",
        "",
    ])


def column_row(column: Column) -> str:
    """Return one line of the table of columns."""
    return f"| `{column.name}` | `{column.type}` | {column.meaning} |"


def samples_page() -> str:
    """Return the reference of the columns of stored samples, and of their formats."""
    records, _, rest = (messagepack.__doc__ or "").partition("::\n\n")[2].partition("\n\n")
    head = ["| column | type | what it holds |", "|---|---|---|"]
    return "\n".join([
        NOTE.format(source="pytest_llm_latency/storage/columns.py and wide.py"),
        "# Samples",
        "",
        "Each session writes `.llm-latency/samples.parquet`: a row for each request of its tests. What did not happen",
        "is null. Stamps are nanoseconds of one monotonic clock, whose zero means nothing: take their differences.",
        "",
        "These are computed when a file is written, by the definitions of [the metrics](metrics.md), and stand in",
        "every file that `llm-latency convert` writes:",
        "",
        *head,
        *map(column_row, wide.DERIVED),
        "",
        "These are what was recorded. `.llm-latency/runs/<session>/` and `baselines/` have them alone, a file a test:",
        "",
        *head,
        *map(column_row, wide.STORED),
        "",
        "Where every event of a request came with a piece, as nearly always, MessagePack and the files of `runs/` and",
        "`baselines/` have `event_piece` and no `event_ns`; the others have both. What a run was measured with, under",
        "what and how well, stands as JSON in the metadata of a Parquet file, under `llm_latency.runs`.",
        "",
        "## Formats",
        "",
        "| ending | format |",
        "|---|---|",
        *(f"| `.{name}` | {each.title} |" for name, each in SAMPLE_FORMATS.items()),
        "",
        "MessagePack and JSON have the records below; JSON has an object a sample in place of the blocks of columns.",
        "",
        "```text",
        *(line.removeprefix("    ").replace("``", "") for line in records.splitlines()),
        "```",
        "",
        rest.replace("``", "`").rstrip(),
        "A column of texts has `texts`, each once, and their `places`; one of lists has `lengths` and `values`, or the",
        "`first` stamp of each list and the `steps` between. Where some of it is null, `valid` has a bit a row.",
        "",
    ])


def results_page_of_schema() -> str:
    """Return the reference of results.json, as its schema says."""
    schema = json.loads((resources.files("pytest_llm_latency.report") / "schema" / "results-1.json").read_text("utf-8"))
    return results_page.page(schema, NOTE.format(source="pytest_llm_latency/report/schema/results-1.json"))


def test_bench_page() -> str:
    """Return the reference of the files that runs are exported as, and of the names of providers."""
    return "\n".join([
        NOTE.format(source="formats.py, observatory.py and suites.py of pytest_llm_latency/testbench"),
        "# Files of LLM-Test-Bench and its neighbours",
        "",
        "`llm-latency testbench export RUN -o FILE --format FORMAT` writes stored runs as one of these, a result a",
        "measured request. Without `--format` the ending decides: `.json` is `results`, `.csv` is `csv`, `.jsonl` is",
        "`jsonl`, `.ndjson` is `optimizer-events`. `content` is empty where the run was measured without",
        "`--llm-latency-keep-answers`.",
        "",
        "| format | file | ending |",
        "|---|---|---|",
        *(f"| `{name}` | {each.title} | `{each.suffix}` |" for name, each in EXPORT_FORMATS.items()),
        "",
        "Each has the percentiles of the system that it is for; verdicts have their own ([statistics](statistics.md)).",
        "Where such a file asks for a number that is unknown, as the tokens of a failed request, 0 stands there.",
        "",
        "## Objectives as limits",
        "",
        "Each of `slo_definitions` in the file that `--llm-latency-slo` names, by its `indicator`. A share up to 1 has",
        "a `unit`, `%` or `ratio`; other thresholds without one are in ms, percent, tokens or requests a second, USD.",
        "",
        "| indicator | limit on |",
        "|---|---|",
        *(f"| `{name}` | `{figure}` |" for name, (figure, _) in INDICATORS.items() if name != "availability"),
        "| `availability` | what is left of the whole: `error_rate` |",
        "",
        "## Providers of suites and manifests",
        "",
        "| name there | models here |",
        "|---|---|",
        *(f"| `{theirs}` | `{ours}/...` |" for theirs, ours in SUITE_PROVIDERS.items()),
        "",
    ])


def commands_page_of_parsers() -> str:
    """Return the reference of the ``llm-latency`` command, as its parsers say."""
    note = NOTE.format(source="pytest_llm_latency/commands")
    return commands_page.page(tree.read(cli.parser()), note)


def settings_page_of_keys() -> str:
    """Return the reference of settings files, as the keys say that they are read with."""
    return settings_page.page(NOTE.format(source="pytest_llm_latency/options/table.py and config_file/keys.py"))


def settings_schema() -> str:
    """Return the JSON Schema of settings files, as ``llm-latency config schema`` prints it."""
    return f"{json.dumps(schema(), indent=2)}\n"


def named_figures() -> str:
    """Return the module in which a type checker finds the ids of the tables."""
    rows = [*((name, "OfRequests") for name in METRICS), *((name, "OfStep") for name in RUN_FIGURES)]
    return "\n".join([
        '"""The rows of the tables of metrics and of a run\'s figures as attributes; docs/generate.py writes them."""',
        "",
        "from pytest_llm_latency.library.attributes import OfRequests, OfStep",
        "",
        "",
        "class Named:",
        '    """Has an attribute for each row, so that a type checker knows it."""',
        "",
        *(f"    {name} = {kind}()" for name, kind in rows),
        "",
    ])


PAGES: Mapping[str, Callable[[], str]] = {
    "docs/reference/metrics.md": metrics_page,
    "docs/reference/errors.md": errors_page,
    "docs/reference/library.md": library_reference,
    "docs/reference/options.md": options_page,
    "docs/reference/marker.md": marker_page,
    "docs/reference/providers.md": providers_page,
    "docs/reference/samples.md": samples_page,
    "docs/reference/results-json.md": results_page_of_schema,
    "docs/reference/simulated-faults.md": faults_page,
    "docs/reference/ci-artefacts.md": ci_page,
    "docs/reference/settings.md": settings_page_of_keys,
    "docs/reference/settings.schema.json": settings_schema,
    "docs/reference/commands.md": commands_page_of_parsers,
    "docs/reference/test-bench.md": test_bench_page,
    "pytest_llm_latency/library/named.py": named_figures,
}


def main() -> int:
    """Write the pages, or name those that differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, exit with 1 where a page differs")
    check = parser.parse_args().check
    stale = [
        name
        for name, page in PAGES.items()
        if not (ROOT / name).exists() or (ROOT / name).read_text(encoding="utf-8") != page()
    ]
    for name in stale:
        if check:
            print(f"{name} differs from the code: run `make docs`.", file=sys.stderr)
        else:
            (ROOT / name).write_text(PAGES[name](), encoding="utf-8")
            print(f"{name} written")
    return 1 if stale and check else 0


if __name__ == "__main__":
    sys.exit(main())
