"""The reference of use from a program, made of the signatures and docstrings of what is public."""

import inspect
import re
import typing
from collections.abc import Callable, Iterator

from pytest_llm_latency.library import settings
from pytest_llm_latency.library.attributes import OfRequests, OfStep
from pytest_llm_latency.library.events import Finished, Started
from pytest_llm_latency.library.figures import Figures
from pytest_llm_latency.library.named import Named
from pytest_llm_latency.library.profiler import LatencyProfiler
from pytest_llm_latency.library.result import ProfileResult
from pytest_llm_latency.report.live import Snapshot

_EVENTS = (Started, Snapshot, Finished)


def page(note: str) -> str:
    """Return a section for the profiler, its methods, its result and its events."""
    return (
        "\n".join([
            note,
            "# Use from a program",
            "",
            "[How to measure without pytest](../how-to/without-pytest.md) has examples. All names are those of the",
            "package, as in `from pytest_llm_latency import LatencyProfiler`.",
            "",
            "## LatencyProfiler",
            "",
            *_signature("LatencyProfiler", LatencyProfiler),
            *_text(LatencyProfiler),
            "The options, all of them named:",
            "",
            *(f"- `{name}: {_type(kind)}`" for name, kind in settings.Options.__annotations__.items()),
            "",
            "### profile",
            "",
            *_signature("profiler.profile", LatencyProfiler.profile),
            *_text(LatencyProfiler.profile),
            "### aprofile",
            "",
            "`await profiler.aprofile(...)`, with the same arguments.",
            "",
            *_text(LatencyProfiler.aprofile),
            "### events",
            "",
            "`async for event in profiler.events(...)`, with the same arguments.",
            "",
            *_text(LatencyProfiler.events),
            "### last",
            "",
            "The last result, also of a profile that was cut off or whose `on_event` failed; `None` before the first.",
            "",
            "## ProfileResult",
            "",
            *_text(ProfileResult),
            "| attribute | what it is |",
            "|---|---|",
            *_rows(Figures, property),
            *_rows(ProfileResult, property),
            "",
            *(line for name in _methods(ProfileResult) for line in _method(name)),
            "## Figures",
            "",
            *_text(Figures),
            "| attribute | over the requests |",
            "|---|---|",
            *_rows(Named, OfRequests),
            "",
            "| attribute | of the step: a number or `None` |",
            "|---|---|",
            *_rows(Named, OfStep),
            "",
            "## Events",
            "",
            *(line for each in _EVENTS for line in (f"### {each.__name__}", "", *_fields(each), *_text(each))),
        ]).rstrip()
        + "\n"
    )


def _signature(name: str, of: Callable[..., object]) -> Iterator[str]:
    parameters = [each for each in inspect.signature(of).parameters.values() if each.name != "self"]
    yield from ("```text", f"{name}(")
    keyword_only = False
    for each in parameters:
        if each.kind is each.KEYWORD_ONLY and not keyword_only:
            keyword_only = True
            yield "    *,"
        stars = "**" if each.kind is each.VAR_KEYWORD else ""
        default = "" if each.default is each.empty else f" = {each.default!r}"
        yield f"    {stars}{each.name}: {_type(each.annotation)}{default},"
    yield from (")", "```", "")


def _type(annotation: object) -> str:
    if typing.get_origin(annotation) is typing.Unpack:
        [taken] = typing.get_args(annotation)
        return f"Unpack[{taken.__name__}]"
    text = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    return re.sub(r"\b[a-z_.]+[.](?=[A-Z*])", "", text)


def _text(of: object) -> tuple[str, str]:
    return (inspect.getdoc(of) or "").replace("``", "`"), ""


def _rows(owner: type, kind: type) -> Iterator[str]:
    for name, value in vars(owner).items():
        overridden = owner is Figures and name in vars(ProfileResult)
        if isinstance(value, kind) and not name.startswith("_") and not overridden:
            first = (inspect.getdoc(value) or "").partition("\n\n")[0]
            yield f"| `{name}` | {' '.join(first.replace('``', '`').replace('|', chr(92) + '|').split())} |"


def _methods(owner: type) -> list[str]:
    return [name for name, value in vars(owner).items() if inspect.isfunction(value) and not name.startswith("_")]


def _method(name: str) -> Iterator[str]:
    method = getattr(ProfileResult, name)
    parameters = [each for each in inspect.signature(method).parameters.values() if each.name != "self"]
    given = ", ".join(
        f"{each.name}: {_type(each.annotation).strip(chr(39))}"
        + ("" if each.default is each.empty else f" = {each.default!r}")
        for each in parameters
    )
    yield from (f"### {name}", "", f"`result.{name}({given})`", "", *_text(method))


def _fields(event: type) -> tuple[str, str]:
    return ", ".join(f"`{name}`" for name in inspect.signature(event).parameters) + ".", ""
