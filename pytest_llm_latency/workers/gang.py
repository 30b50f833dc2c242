"""The workers of a session as one gang: who is in it, where each stands in a test, and what they are told.

Each test is a round. Its workers ask to ``arrive`` (their fixtures are ready), to ``meet`` (their
warm-up is over; again before each further part of the load), to have a ``look`` (of an adaptive test,
between two parts), whether they are ``done`` (with what they measured) and to ``leave`` (their
fixtures are gone). Each question is answered when all ask it. Where one leaves before, the round is
off, and the others are told so.

A worker that is lost in a round sends the others back to its beginning, once: the test is measured
again as a whole. Lost again, what the others have is kept as an incomplete run.

It decides and waits for nothing: whoever calls it brings the time. All of it runs in one thread.
"""

from collections.abc import Callable, Mapping
from typing import Any

from pytest_llm_latency.model import LOST, Notice
from pytest_llm_latency.workers.channel import Message
from pytest_llm_latency.workers.rounds import (
    MOST_ATTEMPTS,
    Duties,
    Member,
    Round,
    Voice,
    order,
    when,
)
from pytest_llm_latency.workers.words import ARRIVE, DONE, HALT, LEAVE, LOOK, MEET

REPLACED_WITHIN_S = 60.0  # it is known whether somebody comes in place of a worker that was lost
_QUIET: Mapping[str, Any] = {"off": "", "own": False, "keep": False}
_GO_ON: Mapping[str, Any] = {"again": False, "report": False, "stop": None}


class Gang:
    """The state machine. ``names`` are told by who starts and ends the workers; they join before they are heard."""

    def __init__(self, duties: Duties) -> None:
        self._duties = duties
        self._members: dict[str, Member] = {}
        self._rounds: dict[str, Round] = {}
        self._attempts: dict[str, int] = {}
        self._finished: set[str] = set()
        self._stopping: str | None = None
        self._replaced: dict[str, float] = {}

    @property
    def finished(self) -> frozenset[str]:
        """The tests that nobody is to run any more; may be asked in any thread."""
        return frozenset(tuple(self._finished))

    # Who is in it.

    def joined(self, name: str, now_s: float) -> None:
        """Take note of a worker that is being started: rounds wait for it."""
        self._members[name] = Member(sign_s=now_s)

    def left(self, name: str, now_s: float) -> None:
        """Let a worker go that ends as it should."""
        if self._members.pop(name, None) is not None:
            self._advance(now_s)

    def lose(self, name: str, reason: str, now_s: float) -> None:
        """Let a worker go that is gone or must go: it is ended, and the round that it was in fails."""
        member = self._members.pop(name, None)
        if member is None:
            return
        self._replaced[name] = now_s
        self._duties.end(name)
        current = self._rounds.get(member.test or "")
        if current is not None and not current.judged:
            self._fail(
                current,
                Notice(
                    code=LOST,
                    message=f"worker {name} was lost {when(current, member)}: {reason.rstrip('.')}. Run it again.",
                ),
            )
        self._advance(now_s)

    def settled(self, name: str, now_s: float) -> None:
        """Take note that whoever comes in place of a lost worker has joined; until then no round begins."""
        if self._replaced.pop(name, None) is not None:
            self._advance(now_s)

    def stop(self, reason: str, now_s: float) -> None:
        """Begin no further test."""
        self._stopping = self._stopping or reason
        self._advance(now_s)

    def sign(self, name: str, now_s: float) -> None:
        """Take note that a worker gets on."""
        if name in self._members:
            self._members[name].sign_s = now_s

    def sign_of_progress(self, name: str, done: int, now_s: float) -> None:
        """Take note of how many iterations a worker has done."""
        member = self._members.get(name)
        if member is not None and member.done != done:
            member.done, member.sign_s = done, now_s

    # What they ask.

    def part(self, voice: Voice, message: Message) -> None:
        """Keep a piece of what a worker measured until it says that it is done."""
        member = self._members.get(voice.name)
        if member is not None:
            member.data.append(message.data)

    def ask(self, voice: Voice, message: Message, now_s: float) -> None:
        """Take in a question; it is answered when all have asked it, or when that can no longer be."""
        member = self._members.get(voice.name)
        if member is None:  # it was given up a moment ago
            return
        test, patience_s = str(message.body["test"]), float(message.body.get("patience_s", 0.0))
        member.voice, member.test, member.asked, member.sign_s = voice, test, message, now_s
        if message.kind == ARRIVE:
            member.data.clear()
        if test in self._finished:  # it came too late to take part
            self._reply(member, _QUIET if message.kind == ARRIVE else _GO_ON)
            return
        current = self._round(test)
        current.patience_s = max(current.patience_s, patience_s)
        self._advance(now_s)

    def _round(self, test: str) -> Round:
        current = self._rounds.get(test)
        if current is None:
            attempt = self._attempts[test] = self._attempts.get(test, 0) + 1
            current = self._rounds[test] = Round(test=test, attempt=attempt, patience_s=0.0)
            if attempt > MOST_ATTEMPTS:
                current.off = (
                    f"invalid: its workers were lost in each of {MOST_ATTEMPTS} attempts to measure it. Look for what "
                    "ends their processes."
                )
        return current

    def tick(self, now_s: float) -> None:
        """End those for whom others wait and who have not got on for longer than the test's patience."""
        for name in [name for name, lost_s in self._replaced.items() if now_s - lost_s > REPLACED_WITHIN_S]:
            self.settled(name, now_s)
        for current in tuple(self._rounds.values()):
            members = self._of(current)
            if not any(member.asked for member in members.values()):
                continue
            for name, member in self._awaited(current).items():
                if current.patience_s and now_s - member.sign_s > current.patience_s:
                    self.lose(
                        name, f"others waited for it, and it did not get on for {current.patience_s:,.0f} s", now_s
                    )

    # How it goes on.

    def _of(self, current: Round) -> dict[str, Member]:
        names = self._members if current.names is None else current.names
        return {name: each for name, each in self._members.items() if each.test == current.test and name in names}

    def _awaited(self, current: Round) -> dict[str, Member]:
        names = self._members if current.names is None else current.names
        found = {name: each for name, each in self._members.items() if name in names}
        return {name: each for name, each in found.items() if each.test != current.test or each.asked is None}

    def _advance(self, now_s: float) -> None:
        for current in tuple(self._rounds.values()):
            self._advance_round(current, now_s)

    def _advance_round(self, current: Round, now_s: float) -> None:
        members = self._of(current)
        if not members:
            self._close(current, now_s, again=not current.judged)
            return
        asked = [member.asked.kind for member in members.values() if member.asked is not None]
        if self._stopping is not None and ARRIVE in asked:
            current.off = current.off or self._stopping
        if LEAVE in asked and not current.judged and current.off is None:
            current.off = ""  # one left before: what it has to say, it says itself
            self._halt(current)
        if current.off is not None and not current.judged:
            keeps = current.met and current.lost and not self._again(current) and LEAVE not in asked
            self._answer(
                current, (ARRIVE, MEET, LOOK) if keeps else (ARRIVE, MEET, LOOK, DONE), lambda _: self._off(current)
            )
        self._answer_all(current, now_s)

    def _answer_all(self, current: Round, now_s: float) -> None:
        """Answer what every worker of the round asks, if there is something that all ask."""
        members = self._of(current)
        kinds = {None if member.asked is None else member.asked.kind for member in members.values()}
        everyone = current.names is not None or len(members) == len(self._members) or self._again(current)
        if len(kinds) != 1 or not everyone:
            return
        names = sorted(members, key=order)
        if kinds == {ARRIVE}:
            if not self._replaced:
                self._go(current, names, now_s)
        elif kinds == {MEET}:
            current.met = True
            moments = self._duties.begin_ns(names)
            self._answer(current, (MEET,), lambda name: {"begin_ns": moments[name]})
        elif kinds == {LOOK}:
            told = self._duties.settle(self._parts(current, names))
            self._answer(current, (LOOK,), lambda _: told)
        elif kinds == {DONE}:
            self._judge(current, names)
        elif kinds == {LEAVE}:
            self._dismiss(current, names, now_s)

    @staticmethod
    def _again(current: Round) -> bool:
        return bool(current.lost) and not current.judged and current.attempt < MOST_ATTEMPTS

    def _go(self, current: Round, names: list[str], now_s: float) -> None:
        current.names = frozenset(names)
        for member in self._of(current).values():
            member.sign_s, member.done = now_s, 0
        self._answer(current, (ARRIVE,), lambda name: {"position": names.index(name), "count": len(names)})

    def _parts(self, current: Round, names: list[str]) -> dict[str, tuple[Mapping[str, Any], bytes]]:
        """Return what each has handed over, and keep nothing of it."""
        members = self._of(current)
        parts = {}
        for name in names:
            asked = members[name].asked
            parts[name] = ({} if asked is None else asked.body["part"], b"".join(members[name].data))
            members[name].data.clear()
        return parts

    def _judge(self, current: Round, names: list[str]) -> None:
        parts = self._parts(current, names)
        verdict = self._duties.judge(parts, tuple(current.lost))
        current.judged, current.lead = True, names[0]
        self._answer(
            current,
            (DONE,),
            lambda name: {"verdict": verdict.body, "error": verdict.error} if name == current.lead else {},
        )

    def _dismiss(self, current: Round, names: list[str], now_s: float) -> None:
        """Tell each whether it is to report, and whether all begin again."""
        members, again = self._of(current), self._again(current)
        own = [name for name in names if (asked := members[name].asked) is not None and asked.body["own"]]
        reporter = None if again else (own or names)[0]
        if current.judged and not own:
            reporter = current.lead
        if current.off is not None and current.off == self._stopping:
            reporter = None  # it had no turn
        for name in names:
            self._reply(members[name], {"again": again, "report": name == reporter, "stop": self._stopping})
            members[name].test = None
        self._close(current, now_s, again=again)

    def _close(self, current: Round, now_s: float, *, again: bool) -> None:
        """End a round; who has come in the meantime begins the next one, or has come too late."""
        del self._rounds[current.test]
        if not again:
            self._finished.add(current.test)
        for member in self._members.values():
            if member.test == current.test and not again:
                self._reply(member, _QUIET)
        if again and any(member.test == current.test for member in self._members.values()):
            self._round(current.test)
        self._advance(now_s)

    def _fail(self, current: Round, notice: Notice) -> None:
        current.lost.append(notice)
        if current.off is None:
            current.off = f"invalid: {notice.message}"
        self._halt(current)

    def _halt(self, current: Round) -> None:
        """Let those who are in the load begin no further iteration."""
        again = self._again(current)
        for member in self._of(current).values():
            if member.voice is not None and member.asked is None:
                member.voice.send(HALT, {"test": current.test, "again": again})

    def _off(self, current: Round) -> dict[str, Any]:
        stopping = self._stopping is not None and current.off == self._stopping
        keep = current.met and bool(current.lost) and not self._again(current)
        return {"off": current.off or "", "own": bool(current.off) and not stopping, "keep": keep}

    def _answer(self, current: Round, kinds: tuple[str, ...], body: Callable[[str], Mapping[str, Any]]) -> None:
        for name, member in self._of(current).items():
            if member.asked is not None and member.asked.kind in kinds:
                self._reply(member, body(name))

    @staticmethod
    def _reply(member: Member, body: Mapping[str, Any]) -> None:
        asked, member.asked = member.asked, None
        if asked is not None and member.voice is not None:
            member.voice.reply(asked, body)
