"""Results of LLM-Test-Bench are read back, and compared with runs and with each other."""

import csv
import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import pytest

import nouns
from pytest_llm_latency import cli
from pytest_llm_latency.errors import CorruptFileError
from pytest_llm_latency.storage import samples
from pytest_llm_latency.testbench import comparing, results, rows, stored, stored_result
from pytest_llm_latency.testbench.formats import FORMATS

DATA = Path(__file__).parents[4] / "shared" / "data" / "test-bench" / "results"
RUN = nouns.run([*nouns.lognormal(20, median=0.3), None], id="run-1")
SUFFIXES = {"results": ".json", "jsonl": ".jsonl", "csv": ".csv", "runner": ".json"}


def written(folder: Path, name: str, *, run: Any = RUN, file: str = "a") -> Path:
    """Write a run in one of the formats."""
    path = folder / f"{file}{SUFFIXES[name]}"
    path.write_text(FORMATS[name].encode(rows.of_runs([run]), "set"), encoding="utf-8")
    return path


def changed(folder: Path, form: str = "results", **changes: Any) -> Path:
    """Write results with other values, of the file where it has the key and of the first result otherwise."""
    content = json.loads(FORMATS[form].encode(rows.of_runs([RUN]), "set"))
    for name, value in changes.items():
        (content if name in content else content["results"][0])[name] = value
    path = folder / "a.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", SUFFIXES)
def test_what_was_exported_is_read_back(tmp_path: Path, name: str) -> None:
    """To the millisecond, and where lines have the exact time to the nanosecond."""
    before, after = list(map(stored_result.of_row, rows.of_runs([RUN]))), stored.read(written(tmp_path, name))
    assert {each.dataset for each in after} == {"a" if name in {"jsonl", "csv"} else "set"}  # lines do not name theirs
    assert [(each.test_id, each.status) for each in after] == [(each.test_id, each.status) for each in before]
    if name != "runner":
        assert [each.model for each in after] == [each.model for each in before]
    exact = 1e-9 if name in {"jsonl", "runner"} else 5.1e-4
    assert [each.duration_s for each in after] == pytest.approx([each.duration_s for each in before], abs=exact)
    if name != "csv":
        assert [each.ttft_s for each in after] == pytest.approx([each.ttft_s for each in before])
    assert [each.tokens_out for each in after if each.status == "success"] == [25] * 20


def test_a_run_keeps_its_latencies_on_its_way_through_results() -> None:
    """What failed stays failed."""
    given = list(map(stored_result.of_row, rows.of_runs([RUN])))
    (run,), _ = comparing.sides(given, given)
    assert run.plan.gate == ("ttft", "e2e")
    assert [sample.status for sample in run.samples] == ["ok"] * 20 + ["error"]
    found = rows.of_runs([run])
    assert [row.ttft_s for row in found] == pytest.approx([each.ttft_s for each in given])
    assert [row.duration_s for row in found] == pytest.approx([each.duration_s for each in given], abs=1e-9)


def test_one_result_of_each_test_makes_their_dataset_the_test() -> None:
    """One request alone cannot be judged; what only one side knows counts on neither."""
    given = [stored_result.of_row(row) for row in rows.of_runs([nouns.run([0.2], test_id=name) for name in "ab"])]
    blind = [dataclasses.replace(each, source="other", ttft_s=None, provider=None) for each in given]
    (before,), (now,) = comparing.sides(given, blind)
    assert before.test_id == now.test_id == "test_chat"
    assert (len(before.samples), before.plan.gate) == (2, ("e2e",))
    assert before.conditions == now.conditions


def test_several_datasets_are_tests_of_their_own() -> None:
    """The runs of one must not hide what another one's lost; a lone dataset may have another name on each side."""
    given = [stored_result.of_row(row) for row in rows.of_runs([nouns.run([0.2], test_id=name) for name in "ab"])]
    coding, reason = (
        [dataclasses.replace(each, source=name, dataset=name) for each in given] for name in ("coding", "reason")
    )
    for side in comparing.sides([*reason, *coding], [*coding, *reason]):
        assert sorted(run.test_id for run in side) == ["coding", "reason"]
    assert [run.test_id for side in comparing.sides(coding, reason) for run in side] == ["reason", "reason"]


def test_skipped_results_are_no_requests(tmp_path: Path) -> None:
    """They took no time."""
    given = stored.read(changed(tmp_path, status="skipped", summary={}))
    (run,), _ = comparing.sides(given, given)
    assert len(run.samples) == 20


def test_compare_takes_results_on_either_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Beside each other, and beside runs of this package; they are never to be accepted."""
    monkeypatch.chdir(tmp_path)
    slow = nouns.run(nouns.lognormal(100, median=0.6, seed=2), id="run-2")
    fast = nouns.run(nouns.lognormal(100, median=0.3), id="run-1")
    samples.write_runs(Path("fast.parquet"), [fast])
    written(tmp_path, "results", run=slow)
    written(tmp_path, "jsonl", run=fast, file="fast")
    for baseline in ("fast.parquet", "fast.jsonl", "*.jsonl"):
        assert cli.main(["compare", baseline, "a.json"]) == 1
        said = capsys.readouterr().out
        assert "regressed: tests/test_chat.py::test_summarise" in said
        assert "compare with this file from now on." in " ".join(said.split())
        assert "baseline accept" not in said
    assert cli.main(["compare", "a.json", "fast.parquet"]) == 0
    assert "improved" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"total_tests": 3}, "total_tests is 3, and the results are 21: write the file again."),
        ({"status": "timeout"}, "succeeded is 20, and the results are 19: write the file again."),
        ({"status": "fine"}, "status is 'fine': it must be one of success, failure, timeout, skipped."),
        ({"duration_ms": -1}, "duration_ms is -1, a number: it must be a number of at least 0."),
        ({"timestamp": "9999-12-31T23:59:59Z"}, "a moment of no request: write the file again."),
        ({"duration_ms": 1e300}, "duration_ms is 1e+300, more than 116 days: write milliseconds."),
        ({"timestamp": "noon"}, "timestamp is 'noon': write it as in"),
        ({"results": []}, "results is empty: write a list with at least one mapping there."),
        ({"response": 1}, "response is 1, a number: it must be a mapping."),
        ({"duration_ms": 1}, "after the end of the request: write the file again."),
        ({"total_latency_ms": 99999}, "and total_latency_ms another time: keep one."),
        ({"success": False}, "success is False, and status is success: keep one."),
        ({"summary": {"success_rate": 1}}, "success_rate is 1, and the results are 0.952381: write the file again."),
        ({"summary": {"max_duration_ms": 0}}, "max_duration_ms is 0, and the results are"),
        (
            {"response": {"model": "m", "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 3}}},
            "total_tokens is 3, and its parts come to 2: write the file again.",
        ),
    ],
)
def test_results_that_are_wrong_or_contradict_themselves_are_refused(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    """With the place."""
    with pytest.raises(CorruptFileError) as caught:
        stored.read(changed(tmp_path, **changes))
    assert said in str(caught.value)
    assert "line 1, column " in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"failed_executions": 0}, "failed_executions is 0, and the results are 1: write the file again."),
        ({"success": "yes"}, "success must be true or false."),
        ({"latency": None}, "the key 'latency' is missing: write a mapping there."),
        ({"latency": {"total_ms": 1, "time_to_first_token_ms": 9}}, "is 9, after the end of the request: write"),
        ({"latency": {}}, "the key 'total_ms' is missing: write a number there."),
        ({"results": "none"}, "results is 'none': write a list with at least one mapping there."),
    ],
)
def test_an_output_of_the_newer_runner_that_contradicts_itself_is_refused(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    """In the same way."""
    with pytest.raises(CorruptFileError, match=said):
        stored.read(changed(tmp_path, "runner", **changes))


def test_a_large_file_of_results_is_refused_before_it_is_read(tmp_path: Path) -> None:
    """In one message."""
    with (tmp_path / "a.json").open("wb") as stream:
        stream.truncate(50_000_000)
    with pytest.raises(CorruptFileError, match=r"has 50\.0 MB, above the 40 MB that are read: split it."):
        stored.read(tmp_path / "a.json")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.json", "{", "a.json, line 1, column 2: Expecting property name"),
        ("a.json", "[]", "a.json: a mapping of a result belongs there."),
        ("a.jsonl", "\n{]", "a.jsonl, line 2, column 2: Expecting property name"),
        ("a.jsonl", '{"test_id": "a"}', "a.jsonl, line 1: the key 'status' is missing"),
        ("a.jsonl", "\n", "a.jsonl is empty: name another file"),
        ("a.csv", "a,b\n", "a.csv lacks the columns test_id, status, duration_ms"),
        ("a.csv", 'a,"' + "b" * 200_000, "a.csv, line 1: field larger than field limit (131072): write it as CSV."),
        ("a.csv", ",".join(stored.COLUMNS) + "\na,b\n", "a.csv, line 2 has 2 cells, and the header has 14"),
    ],
)
def test_a_file_that_is_no_file_of_results_is_refused(tmp_path: Path, name: str, text: str, said: str) -> None:
    """In one line that names it."""
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(CorruptFileError) as caught:
        stored.read(tmp_path / name)
    assert said in str(caught.value)


def test_an_empty_cell_is_unknown(tmp_path: Path) -> None:
    """Of an answer without usage, and of a failure; what failed says why."""
    path = tmp_path / "a.csv"
    moment = "2026-03-02T09:15:00Z"
    answered, failed = f"a,,success,200,,,gpt,,,,,stop,,{moment}", f"b,,failure,90,,,,,,,,,no more,{moment}"
    path.write_text("\n".join([",".join(results.COLUMNS), answered, failed]), encoding="utf-8")
    first, second = stored.read(path)
    assert (first.model, first.tokens_in, first.tokens_out, first.cost_usd, first.error) == ("gpt", *[None] * 4)
    assert (second.model, second.status, second.error) == (None, "failure", "no more")


def test_a_cell_that_is_no_number_is_named(tmp_path: Path) -> None:
    """With its line."""
    path = written(tmp_path, "csv")
    lines = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"))))
    lines[3][3] = "soon"
    path.write_text("\n".join(map(",".join, lines)), encoding="utf-8")
    with pytest.raises(CorruptFileError, match="line 4: duration_ms is 'soon': it must be a number of at least 0"):
        stored.read(path)


@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data beside the checkout")
def test_the_results_of_the_system_itself_are_read() -> None:
    """The same six in JSON, JSON Lines and CSV."""
    found = [stored.read(path) for path in sorted(DATA.iterdir())]
    assert [[each.status for each in results] for results in found] == [
        ["success", "success", "failure", "success", "timeout", "success"]
    ] * 3
    assert found[0][0].duration_s == 1.234
