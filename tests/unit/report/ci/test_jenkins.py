"""What Jenkins' plugins read, read by their rules."""

import json
from datetime import datetime

import pytest

import materials
import nouns
from pytest_llm_latency.report.ci import jenkins
from pytest_llm_latency.report.ci.material import Material

SESSIONS = pytest.mark.parametrize(
    "made",
    [materials.material(name, "jenkins") for name in ("full", "empty", "passing")]
    + [materials.hostile("jenkins"), materials.many("jenkins")],
    ids=["full", "empty", "passing", "hostile", "many"],
)


def lines(text: str) -> list[dict[str, str]]:
    """Read JMeter's CSV as the plugin does: the first character of the header that is no letter parts its fields."""
    head, *rows = text.splitlines()
    delimiter = next(each for each in head if not each.isalpha())
    names = head.split(delimiter)
    return [dict(zip(names, row.split(delimiter), strict=True)) for row in rows]


@SESSIONS
def test_every_request_is_a_line_that_the_performance_plugin_takes(made: Material) -> None:
    """Integers are integers, the outcome is true or false."""
    found = lines(jenkins.performance(made))
    measured = sum(len(each.run.ok) for each in made.evidence.values())
    assert len(found) == measured
    for each in found:
        assert all(each[name].isdigit() for name in ("timeStamp", "elapsed", "bytes"))
        assert each["success"] in {"true", "false"}
        assert each["responseCode"]
        assert each["label"].isprintable()
        assert each["label"].isascii()


def test_a_line_has_when_a_request_began_and_how_long_it_took() -> None:
    """From the wall clock at the start of the run; a failed one took until its last stamp."""
    failed = nouns.sample(1, None, failed=nouns.failure())
    run = nouns.run(samples=(nouns.sample(0, 0.25, 1.5), failed))
    made = Material(session=nouns.session(), evidence={"x": nouns.evidence(run)}, place=materials.place("jenkins"))
    began = int(datetime.fromisoformat(nouns.STARTED_AT).timestamp() * 1000)
    one, two = lines(jenkins.performance(made))
    assert (one["timeStamp"], one["elapsed"], one["responseCode"]) == (str(began), "1500", "200")
    assert (one["success"], one["bytes"]) == ("true", "600")
    assert (two["timeStamp"], two["success"], two["responseCode"]) == (str(began + 400), "false", "429")


def test_a_request_that_got_no_answer_has_no_status() -> None:
    """The column is a text for the plugin."""
    run = nouns.run(samples=(nouns.sample(0, None, http_status=None, status="timeout"),))
    made = Material(session=nouns.session(), evidence={"x": nouns.evidence(run)}, place=materials.place("jenkins"))
    assert [each["responseCode"] for each in lines(jenkins.performance(made))] == ["failed"]


@SESSIONS
def test_the_plot_has_a_line_of_names_and_one_of_values(made: Material) -> None:
    """As many of one as of the other, each name once."""
    text = jenkins.plot(made)
    names, values = (line.split(",") for line in text.splitlines()) if text else ([], [])
    assert len(set(names)) == len(names) == len(values)
    assert all(float(value) > 0 for value in values)


@SESSIONS
def test_warnings_have_the_fields_and_severities_of_the_plugin(made: Material) -> None:
    """Its texts are HTML there, so that nothing of ours is a tag but those that are meant."""
    issues = json.loads(jenkins.warnings(made))["issues"]
    assert len({each["fingerprint"] for each in issues}) == len(issues)
    for each in issues:
        assert each["severity"] in {"ERROR", "HIGH", "NORMAL", "LOW"}
        assert each["fileName"]
        assert "<" not in each["message"]
        told = each["description"].replace("<br>", "").replace("<code>", "").replace("</code>", "")
        assert "<" not in told


def test_what_fails_is_an_error_and_what_does_not_is_low() -> None:
    """At the line of its test."""
    issues = json.loads(jenkins.warnings(materials.material("full", "jenkins")))["issues"]
    assert [each["severity"] for each in issues] == ["ERROR"] * 3 + ["LOW"] * 2
    assert {(each["fileName"], each["lineStart"]) for each in issues} == {("tests/test_chat.py", 12)}
