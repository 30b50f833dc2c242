"""From the latency tests that were collected to their plans; what their authors wrote wrongly is one message."""

import functools
import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from pytest_llm_latency.errors import MarkerError
from pytest_llm_latency.options import Settings

if TYPE_CHECKING:
    from pytest_llm_latency.marker import Prepared
    from pytest_llm_latency.model import Compared, Plan

MARKER = "llm_latency"
_PREPARED: "pytest.StashKey[Prepared]" = pytest.StashKey()
_NAMED = 3


class Plans(Mapping[str, "Plan"]):
    """The plans of the latency tests among some items, by test; all are made when the first is asked for.

    A worker asks with its first benchmark, so that its collection takes no longer than that of a suite
    without latency tests.
    """

    def __init__(self, items: Sequence[pytest.Item], settings: Settings) -> None:
        self._items = {item.nodeid: item for item in items if is_latency_test(item)}
        self._settings = settings

    @property
    def tests(self) -> tuple[str, ...]:
        """The latency tests, those with a wrong plan included."""
        return tuple(self._items)

    @property
    def compared(self) -> "dict[str, Compared]":
        """With what each is compared."""
        return {test_id: plan.compared for test_id, plan in self.items()}

    @property
    def wrong(self) -> Mapping[str, MarkerError]:
        """What is wrong with the tests that have no plan."""
        return self._made[1]

    def __getitem__(self, test_id: str) -> "Plan":
        return self._made[0][test_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._made[0])

    def __len__(self) -> int:
        return len(self._made[0])

    @functools.cached_property
    def _made(self) -> "tuple[dict[str, Plan], dict[str, MarkerError]]":
        plans: dict[str, Plan] = {}
        wrong: dict[str, MarkerError] = {}
        for test_id, item in self._items.items():
            try:
                plans[test_id] = prepared(item, self._settings).plan
            except MarkerError as error:
                wrong[test_id] = error
        return plans, wrong


def is_latency_test(item: pytest.Item) -> bool:
    """Say whether an item has the marker."""
    return item.get_closest_marker(MARKER) is not None


def prepared(item: pytest.Item, settings: Settings) -> "Prepared":
    """Return the plan of a marked test and the source of its prompts, made once.

    Raises ``MarkerError`` for what its author wrote wrongly.
    """
    from pytest_llm_latency import marker  # noqa: PLC0415  (with the nouns, which no process needs that only collects)

    if _PREPARED not in item.stash:
        _check_fixture(item)
        folders = (item.path.parent, item.config.rootpath)
        item.stash[_PREPARED] = found = marker.prepare(marker.read((), _arguments(item)), settings, folders)
        if found.source is not None and _lacks(item, "prompt"):
            raise MarkerError(
                "prompts are no fixture, and the test takes one of the name prompt: take llm alone, and write "
                "llm() or llm(llm.prompt)."
            )
    return item.stash[_PREPARED]


def _check_fixture(item: pytest.Item) -> None:
    """Refuse a test that does not take the fixture, or takes another one of its name."""
    fixtures = getattr(item, "fixturenames", ())
    if "llm" not in fixtures:
        raise MarkerError("the test does not take the fixture llm: write def test_x(llm).")
    definitions = item._fixtureinfo.name2fixturedefs.get("llm", ())  # type: ignore[attr-defined]  # noqa: SLF001
    owner = definitions[-1].func if definitions else None
    if owner is not None and owner.__module__ != "pytest_llm_latency.plugin":
        code = inspect.unwrap(owner).__code__
        place = f"{code.co_filename}:{code.co_firstlineno}"
        raise MarkerError(f"a fixture named llm in {place} shadows the one of this plugin: rename it.")


def _lacks(item: pytest.Item, name: str) -> bool:
    """Say whether a test takes an argument that is neither a parameter nor a fixture."""
    known = item._fixtureinfo.name2fixturedefs  # type: ignore[attr-defined]  # noqa: SLF001  (as above)
    return name in getattr(item, "fixturenames", ()) and name not in known


def _arguments(item: pytest.Item) -> dict[str, Any]:
    """Return what the markers of a test say together: the nearer one counts, and that of a parameter the most."""
    from pytest_llm_latency import marker  # noqa: PLC0415  (the same)

    callspec = getattr(item, "callspec", None)
    nearest = [] if callspec is None else [mark for mark in callspec.marks if mark.name == MARKER]
    arguments: dict[str, Any] = {}
    for mark in (*reversed(list(item.iter_markers(MARKER))), *nearest):
        marker.read(mark.args, mark.kwargs)
        arguments |= mark.kwargs
    return arguments


def told(wrong: Mapping[str, MarkerError]) -> str:
    """Return what is wrong with tests in lines; what an option makes wrong with all of them is one line."""
    tests: dict[str, list[str]] = {}
    for test_id, error in wrong.items():
        tests.setdefault(str(error), []).append(test_id)
    return "\n".join(f"  {_named(ids)}: {error}" for error, ids in tests.items())


def _named(test_ids: Sequence[str]) -> str:
    if len(test_ids) <= _NAMED:
        return ", ".join(test_ids)
    return f"{test_ids[0]} and {len(test_ids) - 1} others"
