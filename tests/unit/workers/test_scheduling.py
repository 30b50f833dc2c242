"""Which worker runs what: a gang's scheduler around xdist's own, with workers that only note what they are sent."""

from collections.abc import Collection
from types import SimpleNamespace
from typing import Any

import pytest
from xdist.scheduler import LoadScheduling, LoadScopeScheduling, WorkStealingScheduling

from pytest_llm_latency.workers.scheduling import GangScheduling

LATENCY = ("b.py::test_one", "d.py::test_two")
SUITE = ["a.py::test_a", LATENCY[0], "c.py::test_b", "c.py::test_c", LATENCY[1]]


class Node:
    """A worker that notes what it is sent, as xdist's own have it."""

    def __init__(self, name: str) -> None:
        self.gateway = SimpleNamespace(id=name)
        self.workerinfo: dict[str, Any] = {}
        self.sent: list[int | str] = []
        self.shutting_down = False

    def send_runtest_some(self, indices: list[int]) -> None:
        """Take tests."""
        assert not self.shutting_down
        self.sent += indices

    def send_steal(self, indices: list[int]) -> None:
        """Keep what it has."""

    def shutdown(self) -> None:
        """Take the last word."""
        self.sent.append("end")
        self.shutting_down = True


class Config:
    """As much of pytest's as a scheduler asks for; notes what it reports."""

    def __init__(self, count: int) -> None:
        self.values = {"tx": [f"{count}*popen"], "maxschedchunk": None}
        self.getoption = self.getvalue = self.values.get
        self.hook = self
        self.option = SimpleNamespace(loadscopereorder=True)
        self.reported: list[Any] = []

    def pytest_collectreport(self, report: Any) -> None:
        """Note a report."""
        self.reported.append(report)


class Crew:
    """What the gang knows, its scheduler, and its workers."""

    def __init__(self, count: int = 2, kind: Any = LoadScheduling, suite: list[str] = SUITE) -> None:
        self.together: Collection[str] = LATENCY
        self.finished: set[str] = set()
        self.names: set[str] = set()
        self.signs: list[str] = []
        self.config = Config(count)
        self.scheduler = GangScheduling(lambda: kind(self.config), self)
        self.nodes = [self.start(f"gw{number}") for number in range(count)]
        self.suite = suite

    def begin(self) -> "Crew":
        """Let all workers collect."""
        for node in self.nodes:
            self.collect(node)
        return self

    def start(self, name: str) -> Node:
        """Start a worker."""
        self.names.add(name)
        node = Node(name)
        self.scheduler.add_node(node)
        return node

    def collect(self, node: Node) -> None:
        """Let a worker collect."""
        self.scheduler.add_node_collection(node, self.suite)
        if self.scheduler.collection_is_completed:
            self.scheduler.schedule()

    def run(self) -> None:
        """Let every worker run what it has, as far as it would: a worker keeps one test until another one follows."""
        ran: dict[Node, int] = {}
        going = True
        while going:
            going = False
            for node in self.nodes:
                position = ran.get(node, 0)
                if position + 1 < len(node.sent) and node.sent[position] != "end":
                    ran[node] = position + 1
                    going = True
                    index = node.sent[position]
                    assert isinstance(index, int)
                    self.scheduler.mark_test_complete(node, index, 0.0)

    def sign(self, name: str) -> None:
        """Note who gets on."""
        self.signs.append(name)

    def settled(self) -> None:
        """Do nothing."""


@pytest.mark.parametrize("kind", [LoadScheduling, LoadScopeScheduling, WorkStealingScheduling])
def test_ordinary_tests_are_distributed_and_latency_tests_follow_on_every_worker(
    kind: Any,
) -> None:
    """Each ordinary test runs once, by the scheduler that the user chose."""
    crew = Crew(kind=kind).begin()
    crew.run()
    assert sorted(index for node in crew.nodes for index in node.sent[:-3]) == [0, 2, 3]
    assert [node.sent[-3:] for node in crew.nodes] == [[1, 4, "end"]] * 2
    assert crew.scheduler.tests_finished
    assert set(crew.signs) == {"gw0", "gw1"}


def test_a_suite_of_latency_tests_needs_no_other_scheduler() -> None:
    """Every worker gets all."""
    crew = Crew(count=3, suite=list(LATENCY)).begin()
    assert [node.sent for node in crew.nodes] == [[0, 1, "end"]] * 3
    assert crew.scheduler.tests_finished
    assert crew.scheduler.has_pending


def test_a_suite_without_latency_tests_is_xdists_own() -> None:
    """As if there were no gang."""
    crew = Crew(suite=["a.py::test_a", "a.py::test_b"]).begin()
    crew.run()
    assert sorted(str(each) for node in crew.nodes for each in node.sent) == ["0", "1", "end", "end"]


def test_who_comes_in_place_of_a_lost_worker_gets_what_is_not_finished() -> None:
    """No crash is reported: the gang measures the test again, or says why not."""
    crew = Crew(suite=list(LATENCY)).begin()
    lost = crew.nodes.pop()
    crew.finished.add(LATENCY[0])
    crew.names.discard("gw1")
    assert crew.scheduler.remove_node(lost) is None
    node = crew.start("gw2")
    assert not crew.scheduler.tests_finished
    crew.collect(node)
    assert node.sent == [1, "end"]
    assert crew.scheduler.tests_finished


def test_an_ordinary_test_that_ends_its_worker_is_named_and_the_others_run() -> None:
    """As with xdist's own scheduler."""
    crew = Crew().begin()
    lost = crew.nodes.pop(0)
    crew.names.discard("gw0")
    assert crew.scheduler.remove_node(lost) == SUITE[0]
    crew.nodes.append(crew.start("gw2"))
    crew.collect(crew.nodes[-1])
    crew.run()
    assert {index for node in crew.nodes for index in node.sent if index in {2, 3}} == {2, 3}
    assert [node.sent[-3:] for node in crew.nodes] == [[1, 4, "end"]] * 2


def test_workers_that_have_collected_different_tests_run_none() -> None:
    """The reason is that of xdist."""
    crew = Crew()
    for node, suite in zip(crew.nodes, (SUITE, SUITE[:-1]), strict=True):
        crew.suite = suite
        crew.collect(node)
    (report,) = crew.config.reported
    assert "Different tests were collected between gw0 and gw1" in str(report.longrepr)
    assert not any(isinstance(index, int) for node in crew.nodes for index in node.sent)
