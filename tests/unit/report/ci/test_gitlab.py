"""What GitLab reads, read by GitLab's own rules."""

import json
import re
import shlex

import pytest

import materials
import nouns
from pytest_llm_latency.report.ci import gitlab
from pytest_llm_latency.report.ci.figures import figures
from pytest_llm_latency.report.ci.material import Material

SESSIONS = pytest.mark.parametrize(
    "made",
    [materials.material(name, "gitlab") for name in ("full", "empty", "passing")]
    + [materials.hostile("gitlab"), materials.many("gitlab")],
    ids=["full", "empty", "passing", "hostile", "many"],
)


def metrics(text: str) -> dict[str, str]:
    """Read metrics as GitLab does: cut a line at a hash, split the rest as a shell, take the second word."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        name, *values = [*shlex.split(re.sub(r"#.*$", "", line)), ""][:2]
        if name and values and values[0]:
            assert name not in found
            found[name] = values[0]
    return found


@SESSIONS
def test_code_quality_has_the_keys_that_the_merge_request_shows(made: Material) -> None:
    """Each issue with a fingerprint of its own, in a file, without a byte-order mark."""
    text = gitlab.code_quality(made)
    issues = json.loads(text)
    assert text[0] == "["
    assert len({each["fingerprint"] for each in issues}) == len(issues)
    for each in issues:
        assert set(each) == {"description", "check_name", "fingerprint", "severity", "location"}
        assert each["severity"] in {"info", "minor", "major", "critical", "blocker"}
        assert each["location"]["path"]
        assert each["location"]["lines"]["begin"] >= 1


def test_code_quality_points_at_the_test_that_regressed() -> None:
    """Only at what the build is red for."""
    issues = json.loads(gitlab.code_quality(materials.material("full", "gitlab")))
    assert [(each["check_name"], each["location"]["lines"]["begin"]) for each in issues] == [
        ("llm-latency/invalid", 12),
        ("llm-latency/regressed", 12),
        ("llm-latency/regressed", 12),
    ]
    assert "412 ms → 561 ms" in issues[1]["description"]


@SESSIONS
def test_browser_performance_is_a_table_of_subjects_and_numbers(made: Material) -> None:
    """A subject and the names in it are keys for GitLab: each is there once."""
    entries = json.loads(gitlab.browser_performance(made))
    assert len({each["subject"] for each in entries}) == len(entries)
    for each in entries:
        names = [metric["name"] for metric in each["metrics"]]
        assert len(set(names)) == len(names) > 0
        assert all(type(metric["value"]) in {int, float} for metric in each["metrics"])
        assert {metric["desiredSize"] for metric in each["metrics"]} <= {"smaller", "larger"}


def test_noise_does_not_show_as_a_change_and_a_regression_does() -> None:
    """The widget shows any difference of two numbers."""

    def shown(candidate: float, ratio: float) -> float:
        compared = nouns.comparison("ttft", candidate=candidate, ratio=ratio, interval=(ratio / 1.1, ratio * 1.1))
        entries = json.loads(gitlab.browser_performance(materials.of(nouns.result(comparisons=(compared,)))))
        return {each["name"]: each["value"] for each in entries[0]["metrics"]}["ttft p95 (ms)"]

    assert shown(0.412, 1.0) == shown(0.421, 1.02) == shown(0.405, 0.98) == 400
    assert shown(0.561, 1.36) == 600


def test_a_figure_without_noise_or_size_stays_as_it_is() -> None:
    """Nothing failed is 0 and not a step of it."""
    found = {each.name: gitlab.to_noise(each) for each in figures(nouns.session(nouns.result()))}
    assert found["error_rate"] == 0


@SESSIONS
def test_metrics_survive_the_cut_at_a_hash_and_the_split_of_a_shell(made: Material) -> None:
    """Every figure arrives as a number under a name of its own."""
    text = gitlab.metrics(made)
    found = metrics(text)
    assert len(found) == len(figures(made.session))
    assert all(re.fullmatch(r"\d+(\.\d+)?", value) for value in found.values())
    assert text.endswith("# EOF\n")


def test_metrics_have_three_digits_and_the_same_order_in_every_run() -> None:
    """The value is compared as a text."""
    one, two = (nouns.result(of=nouns.run([0.2] * 60, test_id=name)) for name in ("b", "a"))
    text = gitlab.metrics(materials.of(one, two))
    assert text == gitlab.metrics(materials.of(two, one))
    found = metrics(text)
    assert found["llm_latency_ttft_ms{benchmark=a,quantile=0.95}"] == "200"
    assert found["llm_latency_e2e_ms{benchmark=a,quantile=0.95}"] == "1120"


def test_metrics_of_one_name_stand_together_under_their_type() -> None:
    """As OpenMetrics asks."""
    names = [line.split("{")[0] for line in gitlab.metrics(materials.material()).splitlines() if line[0] != "#"]
    assert len([name for name, before in zip(names, ["", *names], strict=False) if name != before]) == len(set(names))
    assert {f"# TYPE {name} gauge" for name in names} <= set(gitlab.metrics(materials.material()).splitlines())


@SESSIONS
def test_load_performance_has_what_the_widget_divides_and_rounds(made: Material) -> None:
    """It makes a percentage of passes and fails, and takes the rest as numbers."""
    found = json.loads(gitlab.load_performance(made))["metrics"]
    if "checks" in found:
        assert found["checks"]["passes"] + found["checks"]["fails"] > 0
        assert found["http_reqs"]["rate"] > 0
    if "http_req_waiting" in found:
        assert 0 < found["http_req_waiting"]["p(90)"] <= found["http_req_waiting"]["p(95)"]


def test_load_performance_is_of_all_benchmarks_together() -> None:
    """Requests are added up; of the times to first token it is the geometric mean."""
    fast, slow = (nouns.result(of=nouns.run([value] * 60, test_id=str(value))) for value in (0.1, 0.4))
    found = json.loads(gitlab.load_performance(materials.of(fast, slow)))["metrics"]
    assert found["http_reqs"] == {"count": 120, "rate": 1.5}
    assert found["checks"] == {"passes": 120, "fails": 0}
    assert found["http_req_waiting"] == {"p(90)": 200, "p(95)": 200}
    assert json.loads(gitlab.load_performance(materials.material("empty"))) == {"metrics": {}}
