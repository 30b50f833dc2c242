"""One profile as it was asked for: its task, its body, and who hears of it."""

import difflib
import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

from pytest_llm_latency.benchmark import AsyncCaller
from pytest_llm_latency.errors import ProfileError
from pytest_llm_latency.execution.recorder import Prompt
from pytest_llm_latency.library.events import Event, Started
from pytest_llm_latency.profiling import Body, Task

_SLIP = 0.88  # one letter in eight; litellm's own parameters are all further away


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One profile as it was asked for."""

    task: Task
    on_event: Callable[[Event], object] | None

    @property
    def started(self) -> Started:
        """The first event."""
        return Started(name=self.task.name, plan=self.task.prepared.plan)

    def tell(self, event: Event) -> None:
        """Hand an event to who asked for them."""
        if self.on_event is not None:
            self.on_event(event)


def refuse_slips(parameters: Iterable[str], own: inspect.Signature) -> None:
    """Raise ``ProfileError`` for a parameter that is an argument but for a slip: a server may pass over it."""
    known = [each.name for each in own.parameters.values() if each.kind is not each.VAR_KEYWORD]
    for name in parameters:
        meant = difflib.get_close_matches(name, known, n=1, cutoff=_SLIP)
        if meant:
            raise ProfileError(
                f"profile has no argument {name!r}: did you mean {meant[0]!r}? A parameter of the server that is "
                f"called so goes into extra_body={{{name!r}: ...}}."
            )


def body_of(prompt: Prompt | None, body: Body | None, parameters: Mapping[str, object]) -> Body:
    """Return the body that was given, or one that sends the prompt, where there is none the iteration's own."""
    if "model" in parameters:
        own = f"LatencyProfiler({parameters['model']!r})"
        raise ProfileError(f"a profile measures the model of its profiler: make a {own} for this one.")
    if body is not None:
        idle = [*([] if prompt is None else ["the prompt"]), *parameters]
        if idle:
            raise ProfileError(
                f"a body makes its own calls, so that {' and '.join(idle)} would go nowhere: write it into the body's "
                "llm(...)."
            )
        return body

    async def sending(llm: AsyncCaller) -> None:
        call: Callable[..., Awaitable[object]] = llm
        await call(prompt, **parameters)

    return sending
