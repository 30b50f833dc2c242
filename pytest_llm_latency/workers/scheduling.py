"""The scheduler for xdist: every worker gets every latency test, each other test goes to one of them.

The ordinary tests come first, distributed by the scheduler that the user chose, which sees a suite
without latency tests. When it has no more for a worker, that worker gets the latency tests, all in
the same order: a worker fetches its next test before it runs the one that it has, so that the last
ordinary test goes on with the first latency test, and the last of all with the shutdown.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Protocol

Node = Any  # xdist's WorkerController
Scheduling = Any  # xdist's protocol of a scheduler


class Knows(Protocol):
    """What a gang knows, as far as its tests are handed out by it."""

    @property
    def together(self) -> Collection[str]:
        """The tests that every worker runs."""

    @property
    def finished(self) -> Collection[str]:
        """Those of them that need no run any more."""

    @property
    def names(self) -> Collection[str]:
        """The workers that were started and have not ended."""

    def sign(self, name: str) -> None:
        """Take note that a worker has run a test."""

    def settled(self) -> None:
        """Take note that xdist has done what it does about the last event: it has replaced who was lost."""


class GangScheduling:
    """Implements xdist's protocol of a scheduler around another one.

    ``make`` makes the scheduler of the ordinary tests; ``knows`` knows the others and the workers.
    """

    def __init__(self, make: Callable[[], Scheduling], knows: Knows) -> None:
        self._make = make
        self._knows = knows
        self._collections: dict[Node, list[str]] = {}
        self._nodes: dict[Node, _Held] = {}
        self._pending: dict[Node, list[int]] = {}
        self._others: Scheduling | None = None
        self._indices: list[int] = []  # of the tests that all run
        self._ordinary: list[int] = []
        self._scheduled = False

    @property
    def nodes(self) -> list[Node]:
        """The workers that take part."""
        return list(self._nodes)

    @property
    def collection_is_completed(self) -> bool:
        """Whether all workers have collected."""
        return self._all_in(self._collections)

    @property
    def tests_finished(self) -> bool:
        """Whether every worker has been given all that it will get; xdist asks this after each event."""
        self._knows.settled()
        others_finished = self._others is None or bool(self._others.tests_finished)
        return self._scheduled and others_finished and self._all_in(self._pending)

    @property
    def has_pending(self) -> bool:
        """Whether tests are being run."""
        return self._scheduled and (
            any(self._pending.values()) or (self._others is not None and bool(self._others.has_pending))
        )

    def add_node(self, node: Node) -> None:
        """Take a worker in that will collect."""
        self._nodes[node] = _Held(node, self._ordinary)
        if self._others is not None:
            self._others.add_node(self._nodes[node])

    def add_node_collection(self, node: Node, collection: Sequence[str]) -> None:
        """Take in what a worker has collected."""
        self._collections[node] = list(collection)
        if self._others is not None:
            self._others.add_node_collection(self._nodes[node], self._without(collection))

    def schedule(self) -> None:
        """Hand the tests out; later, to the workers that came in place of others."""
        if not self._scheduled:
            self._scheduled = True
            self._divide()
        if self._others is not None:
            self._others.schedule()
        self._hand_over()

    def mark_test_complete(self, node: Node, item_index: int, duration: float = 0) -> None:
        """Take note that a worker has run a test."""
        self._knows.sign(node.gateway.id)
        pending = self._pending.get(node, [])
        if item_index in pending:
            pending.remove(item_index)
        elif self._others is not None and item_index in self._ordinary:
            self._others.mark_test_complete(self._nodes[node], self._ordinary.index(item_index), duration)
        self._hand_over()

    def mark_test_pending(self, item: str) -> None:
        """Let an ordinary test be run again."""
        if self._others is not None and item not in self._knows.together:
            self._others.mark_test_pending(item)

    def remove_pending_tests_from_node(self, node: Node, indices: Sequence[int]) -> None:
        """Take note of ordinary tests that a worker gave back."""
        if self._others is not None:
            self._others.remove_pending_tests_from_node(
                self._nodes[node], [self._ordinary.index(index) for index in indices]
            )
        self._hand_over()

    def remove_node(self, node: Node) -> str | None:
        """Let a worker go; return the ordinary test that it was running when it crashed."""
        held = self._nodes.pop(node)
        self._collections.pop(node, None)
        self._pending.pop(node, None)
        crashed: str | None = None if self._others is None else self._others.remove_node(held)
        if not self._scheduled:
            return None
        self._hand_over()
        return crashed

    def _all_in(self, nodes: Mapping[Node, object]) -> bool:
        return set(self._knows.names) <= {node.gateway.id for node in nodes}

    def _divide(self) -> None:
        first, *rest = self._collections.values()
        alike = all(each == first for each in rest)  # where not, the other scheduler says so and runs nothing
        together = set(self._knows.together) if alike else set()
        self._indices += [index for index, name in enumerate(first) if name in together]
        self._ordinary += [index for index, name in enumerate(first) if name not in together]
        if not self._ordinary:
            return
        self._others = self._make()
        for held in self._nodes.values():
            self._others.add_node(held)
        for node, collection in self._collections.items():
            self._others.add_node_collection(self._nodes[node], self._without(collection))

    def _without(self, collection: Sequence[str]) -> list[str]:
        together = set(self._knows.together) if self._indices else set()
        return [name for name in collection if name not in together]

    def _hand_over(self) -> None:
        """Give the latency tests to each worker for which there is nothing else."""
        for node, held in self._nodes.items():
            if node in self._pending or node not in self._collections:
                continue
            if self._others is not None and not (held.shut or self._others.tests_finished):
                continue
            finished, names = set(self._knows.finished), self._collections[node]
            self._pending[node] = [index for index in self._indices if names[index] not in finished]
            if self._pending[node]:
                node.send_runtest_some(self._pending[node])
            node.shutdown()


class _Held:
    """A worker as the scheduler of the ordinary tests sees it: without the others, and shut down when we say so."""

    def __init__(self, node: Node, ordinary: Sequence[int]) -> None:
        self._node = node
        self._ordinary = ordinary
        self.shut = False

    @property
    def shutting_down(self) -> bool:
        """Whether nothing more can be sent."""
        return self.shut or bool(self._node.shutting_down)

    def send_runtest_some(self, indices: Sequence[int]) -> None:
        """Send tests by their places among the ordinary ones."""
        self._node.send_runtest_some([self._ordinary[index] for index in indices])

    def send_runtest_all(self) -> None:
        """Send all ordinary tests."""
        self._node.send_runtest_some(list(self._ordinary))

    def send_steal(self, indices: Sequence[int]) -> None:
        """Ask for tests back."""
        self._node.send_steal([self._ordinary[index] for index in indices])

    def shutdown(self) -> None:
        """Take note that there is nothing more for this worker but the latency tests."""
        self.shut = True

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  (whatever else a scheduler looks at)
        return getattr(self._node, name)
