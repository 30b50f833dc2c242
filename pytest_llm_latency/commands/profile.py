"""``llm-latency profile``: measure a model and prompts without a test, and judge what was measured."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pytest_llm_latency import config_file, options
from pytest_llm_latency.commands import naming, painting, sides, tables
from pytest_llm_latency.commands.manual import FAILED, INTERRUPTED, OK
from pytest_llm_latency.errors import SettingsError, UsageError
from pytest_llm_latency.storage import atomic

if TYPE_CHECKING:
    from pytest_llm_latency.benchmark import AsyncCaller
    from pytest_llm_latency.profiles import Profile
    from pytest_llm_latency.profiling import Show, Task

Subparsers = Any  # argparse has no public name for it

_SUMMARY = "measure a model and prompts without a test"
# The options of a test run that a suite alone has a use for; all others are taken.
_OF_SUITES = frozenset({
    "accept", "adaptive", "baselines", "ci", "expected", "keep", "listen", "model", "reason", "results", "workers",
})  # fmt: skip
TAKEN = tuple(option for option in options.OPTIONS if option.name not in _OF_SUITES)
# What some of them mean where there are no tests.
_WORDS: Mapping[str, str] = MappingProxyType({
    "config": "the settings file (the one that lies here)",
    "requests": "measured requests (60)",
    "concurrency": "users of a closed load (1)",
    "warmup": "requests before the measured ones (one a user, at least 2)",
    "ramp-in": "requests under load before those that count",
    "prompts": "a file of prompts, which take turns (.txt, .jsonl, .json, .yaml)",
    "requests-per-minute": "requests that may be sent in a minute; others wait",
    "tokens-per-minute": "tokens, of prompts and answers, that may be used in a minute",
    "max-concurrency": "requests that may be under way at once, of an open load too",
    "budget-requests": "requests that may be sent, warm-up included",
    "budget-seconds": "time after the first request in which others may be sent, as in '10min'",
    "budget-tokens": "tokens, of prompts and answers, that may be used",
    "budget-dollars": "what it may cost, as in '$0.50'",
    "ab": "measure it interleaved with this model, or with itself at this base URL, and judge it against that",
    "environment": "label of the environment (default: 'default', with the simulator 'simulator')",
    "limits": "what must hold, with commas between, as in 'ttft.p95 < 800ms'",
    "gate": "metrics that are compared with earlier runs, with commas between, or none (ttft,e2e)",
})

# What is no parameter here, and what says it.
_SAID_BY: Mapping[str, str] = MappingProxyType({
    "model": "MODEL",
    "prompt": "PROMPT",
    "messages": "PROMPT",
    "name": "--name",
    "timeout": "--timeout",
})


def add_parser(subparsers: Subparsers) -> None:
    """Add ``profile`` to the command line."""
    described = f"{_SUMMARY.capitalize()}, and judge what was measured by limits and beside earlier runs."
    parser = subparsers.add_parser("profile", help=_SUMMARY, description=described)
    parser.add_argument("model", metavar="MODEL", help="the model as litellm names it, such as openai/gpt-4o-mini")
    parser.add_argument("prompt", nargs="*", metavar="PROMPT", help="what is asked of it; several take turns")
    parser.add_argument("--base-url", metavar="URL", help="the server that is asked")
    parser.add_argument("--set", action="append", default=[], dest="parameters", metavar="NAME=VALUE",
                        help="a parameter of litellm, as in temperature=0 (repeatable)")  # fmt: skip
    parser.add_argument(
        "--against", metavar="RUN", help=f"judge it beside earlier runs: {naming.KINDS}; or {sides.KINDS}"
    )
    parser.add_argument("--name", metavar="NAME", help="what it is called in files and reports (the model)")
    parser.add_argument("--output", action="append", default=[], type=Path, dest="outputs", metavar="FILE",
                        help="write the run (.parquet, for --against, compare and pandas), its figures (.json) or its "
                        "report (.html); repeatable")  # fmt: skip
    amount = parser.add_mutually_exclusive_group()
    amount.add_argument("-v", "--verbose", action="count", default=0, help="say more")
    amount.add_argument("-q", "--quiet", action="count", default=0, help="say less")
    amount.add_argument("--json", action="store_true", help="print the figures and verdicts as JSON")
    for option in TAKEN:
        kind: dict[str, Any] = {"metavar": option.metavar} if option.metavar else {"action": "store_true"}
        parser.add_argument(f"--{option.name}", **kind, help=_WORDS.get(option.name, option.help))
    parser.set_defaults(handler=profile)


def profile(arguments: argparse.Namespace) -> int:
    """Measure, print and write; return 1 where the run fails, and after Ctrl-C 130 with what was measured."""
    settings = _settings(arguments)
    writes = _writers(arguments.outputs)
    before = () if arguments.against is None else sides.of("--against", arguments.against, settings["results"])
    runs = tuple(each.run for each in before)

    from pytest_llm_latency import profiles  # noqa: PLC0415  (what measures is slow to import)
    from pytest_llm_latency.commands.status import Status  # noqa: PLC0415  (the same)
    from pytest_llm_latency.profiling import Profiling  # noqa: PLC0415  (the same)

    status = Status(sys.stderr)
    task = _task(arguments, settings, status.show)
    profiles.earlier(task.name, runs, settings.values)  # what cannot be judged is refused before it costs something
    interrupted = False
    with closing(Profiling(task)) as measuring:
        measuring.prepare()
        try:
            measuring.measure_alone()
        except KeyboardInterrupt:
            if not measuring.has_measured:
                raise
            interrupted = True
        finally:
            status.clear()
        run = measuring.run()
    found = _with_file(profiles.judged(run, runs, settings.values), arguments.outputs)
    try:
        for path, render in writes.items():
            atomic.replace_bytes(path, render(found))
    finally:  # a disk that is full takes no figures with it
        _show(found, arguments)
    return INTERRUPTED if interrupted else FAILED if found.result.fails else OK


def _settings(arguments: argparse.Namespace) -> options.Settings:
    """Return the options' values that the command line and the settings file say.

    Raises ``SettingsError`` for one that cannot be read.
    """
    given = {option.name: getattr(arguments, option.name.replace("-", "_")) for option in TAKEN}
    try:
        file = config_file.load(Path.cwd(), None if arguments.config is None else Path.cwd() / arguments.config)
        found = options.resolve(lambda option: given.get(option.name), lambda _: None, Path.cwd(), file)
    except SettingsError as error:
        raise SettingsError(_in_flags(str(error))) from None
    if not arguments.prompt:
        return found
    if arguments.prompts:
        raise UsageError("a PROMPT and --prompts do not go together: leave one of them out.")
    from pytest_llm_latency.profiling import without_prompts  # noqa: PLC0415  (what measures is slow to import)

    return without_prompts(found)


def _in_flags(message: str) -> str:
    """Return a message that names options of pytest with those of this command."""
    return message.replace("--llm-latency-", "--")


def _task(arguments: argparse.Namespace, settings: options.Settings, show: "Show") -> "Task":
    from pytest_llm_latency import marker  # noqa: PLC0415  (what measures is slow to import)
    from pytest_llm_latency.profiling import Task  # noqa: PLC0415  (the same)

    prompts: Sequence[str] = arguments.prompt
    if not prompts and settings["prompts"] is None:
        raise UsageError("name what is asked: a PROMPT or several, or a file of them with --prompts.")
    parameters = _parameters(arguments.parameters)
    said = marker.llm_latency(
        model=arguments.model,
        adaptive=False,  # nothing is accepted that it could be looked at beside
        prompts=prompts if len(prompts) > 1 else None,
    )

    async def body(llm: "AsyncCaller") -> None:
        call: Callable[..., Any] = llm
        await call(*prompts if len(prompts) == 1 else (), **parameters)

    return Task(
        name=arguments.name or arguments.model,
        prepared=marker.prepare(said, settings, (Path.cwd(),)),
        body=body,
        access={} if arguments.base_url is None else {"api_base": arguments.base_url},
        settings=settings,
        root=Path.cwd(),
        client=None,
        words=_in_flags,
        show=show,
    )


def _parameters(given: Sequence[str]) -> dict[str, object]:
    """Read ``temperature=0`` and its like: a value is JSON, or a text where it is none."""
    found: dict[str, object] = {}
    for each in given:
        name, sign, text = each.partition("=")
        if not sign or not name.isidentifier() or name == "self":
            raise UsageError(f"--set {each!r} is no parameter: write it as in --set temperature=0.")
        if name in _SAID_BY:
            raise UsageError(f"--set {each!r} is no parameter: {_SAID_BY[name]} says it.")
        try:
            found[name] = json.loads(text)
        except ValueError:
            found[name] = text
    return found


def _writers(outputs: Sequence[Path]) -> "dict[Path, Callable[[Profile], bytes]]":
    """Return what makes each file, and prove that it can be written before anything is measured."""
    if not outputs:
        return {}
    from pytest_llm_latency.profiles import FILES  # noqa: PLC0415  (only where something is written)

    for path in outputs:
        if path.suffix.lower() not in FILES:
            raise UsageError(f"--output {path} ends in none of {', '.join(FILES)}: rename it.")
        atomic.check_writable(path.parent)
    return {path: FILES[path.suffix.lower()] for path in outputs}


def _with_file(found: "Profile", outputs: Sequence[Path]) -> "Profile":
    """Let the advice to accept the run name the file that it is in."""
    stored = [path for path in outputs if path.suffix.lower() == ".parquet"]
    if not stored:
        return found
    return replace(found, result=replace(found.result, folders={"run": str(stored[0])}))


def _show(found: "Profile", arguments: argparse.Namespace) -> None:
    from pytest_llm_latency import profiles  # noqa: PLC0415  (as above)

    if arguments.json:
        tables.write([profiles.document(found).decode().rstrip()])
        return
    from pytest_llm_latency.report import terminal  # noqa: PLC0415  (only for a person)

    written = [(path.suffix.removeprefix(".").lower(), str(path)) for path in arguments.outputs]
    painting.write(
        terminal.lines(
            profiles.session(found),
            width=painting.width(),
            verbosity=arguments.verbose - arguments.quiet,
            artefacts=written,
            unicode=painting.unicode(),
        )
    )
