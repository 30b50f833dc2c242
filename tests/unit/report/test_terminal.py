"""The terminal section beyond what the golden files fix."""

import pytest

import nouns
import sessions
from pytest_llm_latency.model import Notice
from pytest_llm_latency.report import terminal


def section(verbosity: int = 0, width: int = 80, **changes: object) -> str:
    """Return the section of the full session as text."""
    session, _ = sessions.full()
    lines = terminal.lines(session, width=width, verbosity=verbosity, artefacts=sessions.ARTEFACTS, **changes)  # type: ignore[arg-type]
    return "\n".join(line.text for line in lines)


@pytest.mark.parametrize("width", [50, 60, 79, 80, 100, 120, 200])
@pytest.mark.parametrize("name", sessions.SESSIONS)
def test_no_line_is_wider_than_the_terminal(name: str, width: int) -> None:
    """From fifty columns on; the closing line wraps below eighty, and a command stays whole to be copied."""
    session, _ = sessions.SESSIONS[name]()
    lines = terminal.lines(session, width=width, verbosity=1, artefacts=(), unicode=True)
    told = [line.text for line in lines[:-1] or lines if "llm-latency baseline" not in line.text]
    assert max(map(len, told), default=0) <= width


def test_a_wide_terminal_shows_interval_and_p_value() -> None:
    """They go first where the width does not suffice."""
    assert "95 % interval" not in section(width=80).splitlines()[0]
    assert "95 % interval       p" in section(width=120).splitlines()[0]


def test_a_narrow_terminal_keeps_the_verdict_and_the_p95() -> None:
    """They go last."""
    header = section(width=42).splitlines()[0]
    assert "verdict" in header
    assert "p95" in header
    assert "p50" not in header


def test_quiet_says_what_fails_and_the_counts() -> None:
    """Neither table nor artefacts."""
    text = section(verbosity=-1)
    assert "test_refused" in text
    assert "inconclusive:" not in text
    assert "index.html" not in text
    assert text.splitlines()[-1].startswith("1 invalid, 1 regressed")


def test_an_ascii_stream_gets_ascii_alone() -> None:
    """Every character can be encoded, and the columns still stand below each other."""
    text = section(unicode=False)
    assert text.isascii()
    rows = [line for line in text.splitlines() if line.startswith("  ttft") and "ms" in line]
    assert len({row.index("%  ") for row in rows if "regressed" in row or "inconclusive" in row}) == 1


def test_an_interrupted_session_says_so_and_what_is_missing() -> None:
    """What was not measured is not lost."""
    session = nouns.session(nouns.result(), interrupted=True, expected=(nouns.TEST_ID, "tests/test_a.py::test_b"))
    lines = terminal.lines(session, width=80, verbosity=0, artefacts=())
    text = [line.text for line in lines]
    assert "The session was interrupted: what was measured is kept." in text
    at = text.index("1 benchmark without a result:")
    assert text[at + 1] == "  tests/test_a.py::test_b"
    assert lines[at].spans[0].markup == ("yellow",)


def test_lost_results_are_red() -> None:
    """Without an interruption a missing result is lost data."""
    session = nouns.session(nouns.result(), expected=(nouns.TEST_ID, "tests/test_a.py::test_b"))
    lines = terminal.lines(session, width=80, verbosity=-1, artefacts=())
    assert next(line for line in lines if "without a result" in line.text).spans[0].markup == ("red",)


def test_a_failure_names_what_changed_and_what_to_do() -> None:
    """Its first line stands by itself."""
    result, _ = sessions.regressed()
    first, *rest = terminal.failure_message(result).splitlines()
    assert first.startswith("regressed: ttft p95 412 ms → 561 ms")
    assert "environment: litellm 1.99.0 → 1.100.0" in rest
    assert rest[-1] == "  llm-latency baseline accept --test tests/test_chat.py::test_summarise"
    assert terminal.failure_message(result, unicode=False).isascii()


def test_the_dashes_of_too_small_a_sample_are_explained() -> None:
    """Nothing is said below a table without any, and nothing of requests that all failed."""
    few, enough, failed = (nouns.run(each) for each in ([0.3] * 20, [0.3] * 60, [None] * 20))
    said = "  – too few requests: p95 needs 59"
    assert terminal.section(nouns.result("no_baseline", of=few)).splitlines()[-1] == said
    assert "too few" not in terminal.section(nouns.result("no_baseline", of=enough))
    assert "too few" not in terminal.section(nouns.result("invalid", of=failed))
    assert "p95 needs 59 requests" in terminal.failure_message(nouns.result("no_baseline", of=few))


def test_a_failure_says_a_warning_once_that_is_its_reason_too() -> None:
    """As of a run that a budget ended before anything was measured."""
    stopped = Notice(code="budget", message="the run was stopped")
    result = nouns.result("invalid", reasons=(stopped.message,), warnings=(stopped,))
    assert terminal.failure_message(result).splitlines()[1:].count(stopped.message) == 1
    assert f"warning: {stopped.message}" not in terminal.failure_message(result)


def test_a_failure_shows_no_escape_sequence_of_a_provider() -> None:
    """A message may come from anywhere."""
    result = nouns.result("invalid", reasons=("boom \x1b[2J",))
    assert "\x1b" not in terminal.failure_message(result) + terminal.section(result)


def test_an_error_rate_that_got_worse_is_coloured() -> None:
    """The metrics of a test may all pass while more of its requests fail."""
    worse = nouns.comparison("error_rate", "regressed", reasons=("7 of 100 requests failed",))
    session = nouns.session(nouns.result("regressed", comparisons=(nouns.comparison("ttft"), worse)))
    row = next(line for line in terminal.lines(session, width=80, verbosity=0, artefacts=()) if "ttft" in line.text)
    assert [span.markup for span in row.spans if span.text.endswith("  0 %")] == [("red", "bold")]


def test_what_the_policy_leaves_unsaid_stands_in_the_table_only() -> None:
    """With the policy ``pass`` nobody is to be told of it."""
    quiet = nouns.result("no_baseline", silent=True)
    text = "\n".join(line.text for line in terminal.lines(nouns.session(quiet), width=80, verbosity=0, artefacts=()))
    assert "no baseline" in text
    assert "make it the baseline" not in text


def test_a_reason_that_several_tests_share_is_said_once() -> None:
    """Assumed noise concerns a whole session, not each of its metrics."""
    shared = "run-to-run noise of 5 % is assumed"
    results = [
        nouns.result("regressed", comparisons=(nouns.comparison("ttft", "regressed", reasons=(f"p95 {each}", shared)),))
        for each in range(3)
    ]
    text = "\n".join(line.text for line in terminal.lines(nouns.session(*results), width=80, verbosity=0, artefacts=()))
    assert text.count(shared) == 1


def test_an_advice_that_several_tests_share_is_said_once_after_them() -> None:
    """What a single one has stays with it."""
    slower = (nouns.comparison("ttft", "regressed"),)
    results = [
        nouns.result("regressed", of=nouns.run([0.3], test_id=f"t.py::test_{each}"), comparisons=slower)
        for each in range(3)
    ]
    found = terminal.lines(nouns.session(*results), width=120, verbosity=0, artefacts=())
    text = [each.text for each in found]
    place = next(place for place, each in enumerate(text) if each.startswith("Find what changed"))
    assert sum("Find what changed" in each for each in text) == 1
    assert [each.strip() for each in text[place + 1 : place + 3]] == [
        "llm-latency baseline accept --test t.py::test_0",
        "and the same for 2 more",
    ]
    assert text[place - 2].startswith("  ttft p95")
    (alone,) = [nouns.result("regressed", comparisons=slower)]
    text = [each.text for each in terminal.lines(nouns.session(alone), width=120, verbosity=0, artefacts=())]
    assert any(each.startswith("  Find what changed") for each in text)


def test_the_section_of_one_test_fits_a_narrow_terminal() -> None:
    """And has more columns in a file, where nothing breaks its lines."""
    session, _ = sessions.full()
    result = session.results[0]
    assert max(map(len, terminal.section(result).splitlines())) <= 80
    assert "95 % interval" in terminal.section(result, width=120)
