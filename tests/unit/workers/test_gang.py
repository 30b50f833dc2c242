"""The gang's state machine: questions in, answers out, without threads, sockets or time."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from pytest_llm_latency.model import Notice
from pytest_llm_latency.workers.channel import Message
from pytest_llm_latency.workers.gang import Gang
from pytest_llm_latency.workers.rounds import Duties, Verdict

TEST = "t.py::test_a"
PATIENCE_S = 600.0


class Worker:
    """A connected worker that notes what it is told."""

    def __init__(self, crew: "Crew", name: str) -> None:
        self.crew = crew
        self.name = name
        self.answers: list[dict[str, Any]] = []
        self.halts: list[dict[str, Any]] = []

    def send(self, kind: str, body: Mapping[str, Any], data: bytes = b"") -> None:
        """Note what is said unasked."""
        assert kind == "halt"
        self.halts.append(dict(body))

    def reply(self, message: Message, body: Mapping[str, Any], data: bytes = b"") -> None:
        """Note an answer."""
        self.answers.append(dict(body))

    def ask(self, kind: str, **body: Any) -> None:
        """Ask the gang."""
        asked = {"test": TEST, "patience_s": PATIENCE_S, "own": False, "part": {"of": self.name}, **body}
        self.crew.gang.ask(self, Message(kind=kind, body=asked, number=1), self.crew.now_s)

    def answer(self) -> dict[str, Any] | None:
        """Return the last answer, once."""
        return self.answers.pop() if self.answers else None


class Crew:
    """A gang of some workers, and what it asks of others."""

    def __init__(self, count: int = 2) -> None:
        self.now_s = 0.0
        self.ended: list[str] = []
        self.judged: list[tuple[dict[str, bytes], tuple[Notice, ...]]] = []
        self.verdict = Verdict(body={"result": "fine"}, error=None)
        self.gang = Gang(Duties(judge=self._judge, settle=self._settle, end=self.ended.append, begin_ns=self._moment))
        self.workers = [self.join(f"gw{number}") for number in range(count)]

    def _judge(self, parts: Mapping[str, tuple[Mapping[str, Any], bytes]], lost: tuple[Notice, ...]) -> Verdict:
        self.judged.append(({name: data for name, (_, data) in parts.items()}, lost))
        return self.verdict

    @staticmethod
    def _settle(parts: Mapping[str, tuple[Mapping[str, Any], bytes]]) -> dict[str, Any]:
        return {"settled": sorted(data for _, data in parts.values())}

    @staticmethod
    def _moment(names: Sequence[str]) -> dict[str, int]:
        return dict.fromkeys(names, 17)

    def join(self, name: str) -> Worker:
        """Start a worker."""
        self.gang.joined(name, self.now_s)
        return Worker(self, name)

    def all_ask(self, kind: str, **body: Any) -> list[dict[str, Any] | None]:
        """Let all ask the same, and return the answers; before the last one asks nobody is answered."""
        for worker in self.workers:
            assert all(each.answer() is None for each in self.workers)
            worker.ask(kind, **body)
        return [worker.answer() for worker in self.workers]

    def lose(self, worker: Worker) -> None:
        """Let a worker die."""
        self.workers.remove(worker)
        self.gang.lose(worker.name, "its process ended", self.now_s)

    def replace(self, worker: Worker, name: str) -> Worker:
        """Let a worker die, and another one come in its place."""
        self.lose(worker)
        self.workers.append(self.join(name))
        self.gang.settled(worker.name, self.now_s)
        return self.workers[-1]

    def in_load(self) -> None:
        """Bring all workers into the load."""
        self.all_ask("arrive")
        self.all_ask("meet")


def test_a_test_is_measured_by_all_together_and_reported_by_one() -> None:
    """Each question is answered when all have asked it."""
    crew = Crew(3)
    shares = crew.all_ask("arrive")
    assert shares == [{"position": position, "count": 3} for position in range(3)]
    assert crew.all_ask("meet") == [{"begin_ns": 17}] * 3
    for number, worker in enumerate(crew.workers):
        for piece in (b"a", b"b"):
            crew.gang.part(worker, Message(kind="part", body={"test": TEST}, data=piece * (number + 1)))
    assert crew.all_ask("done") == [{"verdict": {"result": "fine"}, "error": None}, {}, {}]
    assert crew.judged == [({"gw0": b"ab", "gw1": b"aabb", "gw2": b"aaabbb"}, ())]
    told = crew.all_ask("leave")
    assert [each["report"] for each in told if each] == [True, False, False]
    assert not any(each["again"] for each in told if each)
    assert crew.gang.finished == {TEST}


def test_all_look_together_and_go_on_together() -> None:
    """What each had so far is judged as a whole, and handed over again with the rest."""
    crew = Crew(2)
    crew.in_load()
    for worker in crew.workers:
        crew.gang.part(worker, Message(kind="part", body={"test": TEST}, data=worker.name.encode()))
    assert crew.all_ask("look") == [{"settled": [b"gw0", b"gw1"]}] * 2
    assert crew.all_ask("meet") == [{"begin_ns": 17}] * 2
    crew.gang.part(crew.workers[0], Message(kind="part", body={"test": TEST}, data=b"all"))
    crew.all_ask("done")
    assert crew.judged == [({"gw0": b"all", "gw1": b""}, ())]


def test_workers_are_numbered_as_xdist_numbers_them() -> None:
    """The tenth comes after the second."""
    crew = Crew(11)
    assert [each and each["position"] for each in crew.all_ask("arrive")] == list(range(11))


def test_a_worker_whose_fixture_fails_reports_and_the_others_do_not() -> None:
    """Those who wait are told that the test is off."""
    crew = Crew(3)
    first, second, third = crew.workers
    first.ask("arrive")
    second.ask("leave", own=True)
    assert first.answer() == {"off": "", "own": False, "keep": False}
    first.ask("leave")
    assert (first.answer(), second.answer()) == (None, None)  # the third has still to come
    third.ask("arrive")
    assert third.answer() == {"off": "", "own": False, "keep": False}
    third.ask("leave")
    told = [worker.answer() or {} for worker in (first, second, third)]
    assert [each["report"] for each in told] == [False, True, False]


def test_a_test_that_all_skip_is_reported_once() -> None:
    """By the first."""
    told = Crew(2).all_ask("leave")
    assert [each and each["report"] for each in told] == [True, False]


def test_a_body_that_fails_on_one_worker_stops_the_others() -> None:
    """In the load, and where they wait for the next part of it."""
    crew = Crew(3)
    crew.in_load()
    first, second, third = crew.workers
    third.ask("meet")
    second.ask("leave", own=True)
    assert first.halts == [{"test": TEST, "again": False}]
    assert third.answer() == {"off": "", "own": False, "keep": False}
    first.ask("done")
    assert first.answer() == {"off": "", "own": False, "keep": False}


@pytest.mark.parametrize("phase", ["arrive", "meet", "load", "done"])
def test_a_lost_worker_sends_the_others_back_to_the_beginning_once(phase: str) -> None:
    """They wait for the one that comes in its place, and measure the whole test with it."""
    crew = Crew(2)
    first, second = crew.workers
    if phase in {"meet", "load", "done"}:
        crew.all_ask("arrive")
    if phase in {"load", "done"}:
        crew.all_ask("meet")
    if phase != "load":
        first.ask(phase)
    third = crew.replace(second, "gw2")
    if phase == "load":
        assert first.halts == [{"test": TEST, "again": True}]
        first.ask("done")
    off = first.answer()
    if phase == "arrive":  # nothing had begun: it still waits, now for the other one
        assert off is None
        third.ask("arrive")
    else:
        assert off is not None
        assert off["off"].startswith("invalid: worker gw1 was lost ")
        first.ask("leave", own=True)
        assert first.answer() == {"again": True, "report": False, "stop": None}
        first.ask("arrive")
        assert first.answer() is None
        third.ask("arrive")
    assert [first.answer(), third.answer()] == [{"position": 0, "count": 2}, {"position": 1, "count": 2}]
    assert crew.ended == ["gw1"]
    assert crew.judged == []


def test_a_worker_that_is_lost_again_leaves_an_incomplete_run() -> None:
    """What the others have is kept, beside who was lost and when."""
    crew = Crew(2)
    for number in (2, 3):
        crew.in_load()
        crew.gang.sign_of_progress("gw1", 40, crew.now_s)
        first, other = crew.workers
        crew.replace(other, f"gw{number}")
        if number == 2:
            first.ask("done")
            first.answer()
            first.ask("leave")
            assert (first.answer() or {})["again"]
    assert [halt["again"] for halt in first.halts] == [True, False]
    crew.gang.part(first, Message(kind="part", body={"test": TEST}, data=b"half"))
    first.ask("done")
    ((parts, lost),) = crew.judged
    assert parts == {"gw0": b"half"}
    assert lost[0].code == "worker_lost"
    assert lost[0].message == ("worker gw2 was lost in the load: its process ended. Run it again.")
    assert (first.answer() or {})["verdict"] == {"result": "fine"}
    first.ask("leave")
    late = crew.workers[-1]
    late.ask("arrive")
    assert (late.answer(), (first.answer() or {})["report"]) == ({"off": "", "own": False, "keep": False}, True)


def test_a_worker_that_comes_when_a_test_is_over_goes_on() -> None:
    """It reports nothing of it."""
    crew = Crew(1)
    crew.in_load()
    crew.all_ask("done")
    crew.all_ask("leave")
    late = crew.join("gw1")
    late.ask("arrive")
    assert late.answer() == {"off": "", "own": False, "keep": False}
    late.ask("leave")
    assert late.answer() == {"again": False, "report": False, "stop": None}


def test_a_round_waits_until_it_is_known_who_comes_in_place_of_a_lost_worker() -> None:
    """Where nobody comes, the others go on without."""
    crew = Crew(2)
    crew.lose(crew.workers[1])
    (first,) = crew.workers
    first.ask("arrive")
    assert first.answer() is None
    crew.gang.settled("gw1", crew.now_s)
    assert first.answer() == {"position": 0, "count": 1}


def test_a_test_whose_workers_are_all_lost_twice_is_given_up() -> None:
    """The third to come says so, instead of measuring."""
    crew = Crew(1)
    for number in (1, 2):
        crew.in_load()
        crew.replace(crew.workers[0], f"gw{number}")
    (told,) = crew.all_ask("arrive")
    assert told is not None
    assert told["own"]
    assert "its workers were lost in each of 2 attempts" in told["off"]
    assert crew.all_ask("leave", own=True) == [{"again": False, "report": True, "stop": None}]


def test_a_worker_that_is_lost_after_the_verdict_changes_nothing_of_it() -> None:
    """The others leave; who was to report it cannot, which xdist says."""
    crew = Crew(2)
    crew.in_load()
    crew.all_ask("done")
    crew.workers[1].ask("leave")
    crew.lose(crew.workers[0])
    assert crew.workers[0].answer() == {"again": False, "report": False, "stop": None}
    assert crew.gang.finished == {TEST}


def test_no_test_begins_after_the_session_was_stopped() -> None:
    """Whoever comes is told why, reports nothing and runs no other."""
    crew = Crew(2)
    first, second = crew.workers
    first.ask("arrive")
    crew.gang.stop("stopping after 1 failures", crew.now_s)
    second.ask("arrive")
    for worker in crew.workers:
        assert worker.answer() == {"off": "stopping after 1 failures", "own": False, "keep": False}
    told = crew.all_ask("leave")
    assert told == [{"again": False, "report": False, "stop": "stopping after 1 failures"}] * 2


def test_a_worker_that_ends_as_it_should_is_not_waited_for() -> None:
    """Nor is it lost."""
    crew = Crew(2)
    crew.workers[0].ask("arrive")
    crew.gang.left("gw1", crew.now_s)
    assert crew.workers[0].answer() == {"position": 0, "count": 1}
    assert crew.ended == []


def test_who_does_not_get_on_while_others_wait_is_ended() -> None:
    """Each sign of progress gives it the whole time again; where nobody waits there is no limit."""
    crew = Crew(2)
    crew.in_load()
    crew.now_s = 10 * PATIENCE_S
    crew.gang.tick(crew.now_s)
    assert crew.ended == []
    crew.workers[0].ask("done")
    crew.gang.sign_of_progress("gw1", 1, crew.now_s)
    crew.now_s += PATIENCE_S
    crew.gang.sign_of_progress("gw1", 1, crew.now_s)
    crew.gang.tick(crew.now_s)
    assert crew.ended == []
    crew.gang.tick(crew.now_s + 1)
    assert crew.ended == ["gw1"]
    off = crew.workers[0].answer()
    assert off is not None
    assert "it did not get on for 600 s" in off["off"]


def test_what_a_worker_says_after_it_was_given_up_is_not_heard() -> None:
    """Its process is about to end."""
    crew = Crew(2)
    lost = crew.workers[1]
    crew.lose(lost)
    lost.ask("arrive")
    crew.gang.part(lost, Message(kind="part", body={"test": TEST}, data=b"x"))
    assert lost.answer() is None
