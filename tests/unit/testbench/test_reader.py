"""Files of LLM-Test-Bench are read whole, or refused with every mistake and its place."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pytest_llm_latency.errors import ScenarioError
from pytest_llm_latency.testbench import reader

DATA = Path(__file__).parents[4] / "shared" / "data" / "test-bench"

CASE: dict[str, Any] = {"id": "a", "prompt": "Count to {{n}}.", "variables": {"n": "3"}}
DATASET: dict[str, Any] = {"name": "counting", "version": "1.0", "test_cases": [CASE]}
SUITE: dict[str, Any] = {
    "providers": [
        {"provider_name": "openai", "model_id": "gpt-4o-mini"},
        {"provider_name": "google", "model_id": "gemini-2.0-flash", "base_url": "http://x/v1", "timeout_ms": 5000},
    ],
    "suite": {
        "suite_id": "s",
        "suite_name": "S",
        "test_cases": [
            {"test_id": "a", "prompt": "Hi", "expected_output": "Hello"},
            {"test_id": "b", "prompt": "Ho", "max_tokens": 9, "temperature": 0, "stop_sequences": ["."]},
        ],
    },
    "execution_config": {"concurrency": 2, "warm_up_runs": 1, "iterations_per_test": 3, "max_duration_ms": 9000},
}
FLEET: dict[str, Any] = {
    "version": "1.0",
    "providers": ["openai:gpt-4"],
    "scenario_profiles": {
        "quick": {"dataset": "counting", "num_examples": 1, "request_delay_ms": 100, "settings": {"max_tokens": 5}},
        "lost": {"dataset": "nowhere"},
    },
}


def written(folder: Path, content: object, name: str = "data.json") -> Path:
    """Write a file, as JSON where it is no text."""
    text = content if isinstance(content, str) else json.dumps(content, indent=1)
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def refused(path: Path, **options: Any) -> str:
    """Return why a file is refused."""
    with pytest.raises(ScenarioError) as caught:
        reader.read(path, **options)
    return str(caught.value).replace(str(path), path.name)


def test_a_dataset_gives_rendered_scenarios_with_the_nearest_settings(tmp_path: Path) -> None:
    """The case's configuration beats the defaults; keys of other tools are ignored."""
    content = {
        **DATASET,
        "$schema": "x",
        "defaults": {"temperature": 0.5, "max_tokens": 10, "stop": ["."]},
        "test_cases": [
            {**CASE, "category": "maths", "expected": "3", "references": ["1"], "notes": 1},
            {"id": "b", "prompt": "Hi", "config": {"model": "openai/gpt-4", "temperature": 0}},
        ],
    }
    first, second = reader.read(written(tmp_path, content))
    assert (first.id, first.scenario.prompt, first.arguments) == ("a", "Count to 3.", {})
    assert first.scenario.parameters == {"temperature": 0.5, "max_tokens": 10, "stop": ["."]}
    assert (first.scenario.category, first.scenario.expected, first.scenario.references) == ("maths", "3", ("1",))
    assert second.arguments == {"model": "openai/gpt-4"}
    assert second.scenario.parameters == {"temperature": 0, "max_tokens": 10, "stop": ["."]}


def test_a_value_is_not_expanded_again(tmp_path: Path) -> None:
    """Nor is what has spaces within its braces a variable."""
    case = {"id": "a", "prompt": "{{x}} {{ y }}", "variables": {"x": "{{y}}"}}
    (found,) = reader.read(written(tmp_path, {**DATASET, "test_cases": [case]}))
    assert found.scenario.prompt == "{{y}} {{ y }}"


def test_a_suite_gives_its_cases_for_each_provider_with_its_load(tmp_path: Path) -> None:
    """The provider's name becomes litellm's, and what is not said has their defaults."""
    found = reader.read(written(tmp_path, SUITE))
    assert [each.id for each in found] == [
        "openai/gpt-4o-mini-a",
        "openai/gpt-4o-mini-b",
        "gemini/gemini-2.0-flash-a",
        "gemini/gemini-2.0-flash-b",
    ]
    load = {"requests": 3, "concurrency": 2, "warmup": 1, "budget": {"seconds": 9.0}}
    assert found[0].arguments == {**load, "model": "openai/gpt-4o-mini", "timeout": 30.0}
    assert found[3].arguments == {**load, "model": "gemini/gemini-2.0-flash", "timeout": 5.0}
    assert found[0].scenario.parameters == {"max_tokens": 1024, "temperature": 0.7}
    assert found[0].scenario.expected == "Hello"
    assert found[3].scenario.parameters == {
        "max_tokens": 9,
        "temperature": 0,
        "stop": ["."],
        "api_base": "http://x/v1",
    }


def test_a_suite_has_no_more_users_than_requests(tmp_path: Path) -> None:
    """Their concurrency is over all cases, of which each is a test of its own here."""
    content = {**SUITE, "execution_config": {"concurrency": 8}}
    assert reader.read(written(tmp_path, content))[0].arguments["concurrency"] == 1


def test_a_model_at_several_addresses_makes_tests_of_several_names(tmp_path: Path) -> None:
    """Whichever comes first; one that is there twice is a mistake."""
    asked = [{"provider_name": "openai", "model_id": "m"}, {"provider_name": "openai", "model_id": "m"}]
    asked[1]["base_url"] = "http://user:password@x/v1?key=secret"
    case = {"test_id": "a", "prompt": "Hi"}
    content = {**SUITE, "suite": {**SUITE["suite"], "test_cases": [case]}}
    for providers in (asked, asked[::-1]):
        found = reader.read(written(tmp_path, {**content, "providers": providers}))
        assert sorted(each.id for each in found) == ["openai/m-a", "openai/m@x/v1-a"]
    twice = written(tmp_path, {**content, "providers": [asked[0], asked[0]]})
    assert "the provider 'openai/m' is there twice: name another model or base URL." in refused(twice)


def test_tests_that_come_to_one_id_are_refused(tmp_path: Path) -> None:
    """As pytest would number them in the order in which they stand."""
    written(tmp_path, {**DATASET, "test_cases": [{"id": "b-c", "prompt": "Hi"}, {"id": "c", "prompt": "Hi"}]}, "s.json")
    profiles = {"a": {"dataset": "s"}, "a-b": {"dataset": "s"}}
    said = refused(written(tmp_path, {"version": "1.0", "scenario_profiles": profiles}))
    assert said.endswith("has several tests with the id 'a-b-c': rename one of their profiles or cases.")


def test_a_profile_is_a_load_for_its_dataset(tmp_path: Path) -> None:
    """Its settings beat the dataset's; its delay bounds the requests a minute."""
    cases = [CASE, {"id": "b", "prompt": "Hi"}]
    (tmp_path / "sets").mkdir()
    written(tmp_path / "sets", {**DATASET, "defaults": {"max_tokens": 9}, "test_cases": cases}, "counting.yaml")
    manifest = written(tmp_path, FLEET)
    (found,) = reader.read(manifest, profile="quick", folders=[tmp_path / "sets"])
    assert found.id == "openai/gpt-4-quick-a"
    assert found.arguments == {"concurrency": 5, "requests_per_minute": 600, "model": "openai/gpt-4"}
    assert found.scenario.parameters == {"max_tokens": 5}
    assert "there is no profile 'quik': did you mean 'quick'?" in refused(manifest, profile="quik")
    assert f"the dataset 'nowhere' is in none of {tmp_path}" in refused(manifest, profile="lost")


def test_all_mistakes_are_told_at_once_with_their_places(tmp_path: Path) -> None:
    """Each with line, column and the right name."""
    text = """name: counting
version: 1.0
test_case: []
test_cases:
  - id: a
    prompt: "{{b}} {{a}} {{b}}"
    categori: maths
  - id: a
    prompt: Hi
    config: {temperature: -1, max_tokenz: 1}
  - prompt: 2024-01-01
"""
    assert refused(written(tmp_path, text, "data.yaml")).splitlines() == [
        "data.yaml has 8 mistakes:",
        "  line 2, column 10: version is 1.0, a number: it must be a text, put it in quotes.",
        "  line 6, column 13: Missing variables: a, b: add them under 'variables'.",
        "  line 7, column 15: the key 'categori' is unknown: did you mean 'category'?",
        "  line 8, column 9: id 'a' is there twice: keep one of them, or rename it.",
        "  line 10, column 27: temperature is -1, a number: it must be a number of at least 0.",
        "  line 10, column 43: the key 'max_tokenz' is unknown: did you mean 'max_tokens'?",
        "  line 11, column 5: the key 'id' is missing: write a text there.",
        "  line 11, column 13: prompt is 2024-01-01, a date: it must be a text, put it in quotes.",
    ]


def test_a_place_in_json_is_told_whatever_its_spaces_and_escapes_are(tmp_path: Path) -> None:
    """YAML, of which JSON nearly is a part, has neither tabs before a key nor a character as two escapes."""
    text = (
        '{\n\t"name": "\\ud83d\\ude00",\n\t"version": 1,\r\n\t"test_cases" :\t[ {"id":"a"}, {"id":"a","prompt":"b"} ] }'
    )
    assert refused(written(tmp_path, text)).splitlines() == [
        "data.json has 3 mistakes:",
        "  line 3, column 13: version is 1, a number: it must be a text, put it in quotes.",
        "  line 4, column 19: the key 'prompt' is missing: write a text there.",
        "  line 4, column 37: id 'a' is there twice: keep one of them, or rename it.",
    ]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.json", '{"name": "a"\n"b"}', "a.json, line 2, column 1: Expecting ',' delimiter: write it as JSON."),
        ("a.yaml", "a: [b", "a.yaml, line 1, column 6: expected ',' or ']'"),
        ("a.json", "  \n", "a.json is empty: name another file"),
        ("a.json", "[]", "a.json: a mapping with the key 'test_cases', 'suite' or"),
        ("a.txt", "a", "a.txt ends in none of .json, .yaml, .yml: rename"),
        ("a.json", "[" * 100_000, "a.json is nested too deeply to be read: write it flat."),
        ("a.json", {**DATASET, "test_cases": []}, "line 4, column 16: test_cases is empty: write a list"),
        ("a.json", {**DATASET, "test_cases": [1]}, "line 5, column 3: test_cases has 1, a number: it must be a map"),
        ("a.json", {**DATASET, "defaults": "x"}, "line 13, column 14: defaults is 'x': it must be a mapping."),
        ("a.json", {**DATASET, "defaults": {"stop": [1]}}, "stop has 1, a number: it must be a text"),
        ("a.json", {"results": []}, "a.json is no dataset, suite or fleet manifest: it has none of"),
        ("a.json", {"name": "a", "version": "1"}, "a.json, line 1, column 1: test_cases is missing: write a list"),
        ("a.json", {**DATASET, "name": None}, "line 2, column 10: name is null: write a text there."),
        ("a.json", {**DATASET, "name": "\ud800"}, "name has half of a surrogate pair, which is no character: write"),
        ("a.json", {**DATASET, "name": " "}, "line 2, column 10: name is empty: write a text there."),
        ("a.json", {**SUITE, "providers": [{"provider_name": "opnai", "model_id": "x"}]}, "did you mean 'openai'?"),
        ("a.json", {**SUITE, "execution_config": {"concurrencies": 1}}, "did you mean 'concurrency'?"),
        ("a.json", {**SUITE, "suite": []}, "suite is a list: it must be a mapping."),
        ("a.yaml", "version: 1.0\nscenario_profiles: {a: {dataset: b}}", "line 1, column 10: version is 1.0, a number"),
        ("a.json", {**FLEET, "providers": ["gpt-4"]}, "providers has 'gpt-4': write \"provider:model\"."),
    ],
)
def test_what_cannot_be_read_is_one_message(tmp_path: Path, name: str, content: object, said: str) -> None:
    """It names the file, the place and the remedy."""
    assert said in refused(written(tmp_path, content, name))


def test_a_folder_a_large_file_and_one_that_is_not_there_are_refused(tmp_path: Path) -> None:
    """A large one without reading it; one in another encoding with the remedy."""
    assert refused(tmp_path).endswith("is a folder: name a file in it (.json, .yaml, .yml).")
    assert refused(tmp_path / f"{'x' * 300}.json").endswith("cannot be read (File name too long): check the path.")
    with (tmp_path / "a.json").open("wb") as stream:
        stream.truncate(50_000_000)
    assert refused(tmp_path / "a.json") == "a.json has 50.0 MB, above the 10 MB that are read: split it."
    assert "cannot be read (No such file or directory): check the path." in refused(tmp_path / "b.json")
    (tmp_path / "c.json").write_bytes(b'{"name": "\xe4"}')
    assert refused(tmp_path / "c.json") == "c.json is not UTF-8: save it as UTF-8."


def test_a_profile_of_a_dataset_is_refused(tmp_path: Path) -> None:
    """Only manifests have them."""
    assert refused(written(tmp_path, DATASET), profile="a").endswith("has no profile 'a': leave profile out.")


def test_a_file_is_known_by_its_keys_even_when_it_is_broken(tmp_path: Path) -> None:
    """Other JSON and YAML files of a project are none."""
    assert reader.looks_like_one(written(tmp_path, '{"test_cases": [', "a.json"))
    assert reader.looks_like_one(written(tmp_path, SUITE, "b.yml"))
    assert not reader.looks_like_one(written(tmp_path, '{"cases": []}', "c.json"))
    assert not reader.looks_like_one(written(tmp_path, '{"test_cases": [', "d.txt"))
    assert not reader.looks_like_one(tmp_path / "none.json")


@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data beside the checkout")
def test_the_files_of_the_system_itself_are_read() -> None:
    """Every dataset, the suite and the profiles of the manifests whose datasets are there."""
    files = sorted((DATA / "datasets_data").iterdir())
    counts = {path.stem: len(reader.read(path)) for path in files}
    assert len(counts) == 5
    assert all(counts.values())
    assert not [each for path in files for each in reader.read(path) if re.search(r"\{\{\w+\}\}", each.scenario.prompt)]
    assert len(reader.read(DATA / "agents" / "benchmark-runner.sample-input.json")) == 6
    for suffix in ("json", "yaml"):
        manifest = DATA / "fleet" / f"fleet-manifest-example.{suffix}"
        for profile in ("coding", "reasoning"):
            found = reader.read(manifest, profile=profile, folders=[DATA / "datasets_data"])
            assert len(found) == 3 * counts[f"{profile}-tasks"]
