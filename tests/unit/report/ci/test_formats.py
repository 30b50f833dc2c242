"""The table of formats and what is rendered by it."""

import json

import pytest

import materials
from pytest_llm_latency.report.ci.formats import FORMATS, of, render_all
from pytest_llm_latency.report.ci.material import Material
from pytest_llm_latency.report.ci.place import SERVERS


def test_every_file_is_written_once_and_for_a_ci_that_is_known() -> None:
    """Two renderers of one file would overwrite each other."""
    assert len({each.file for each in FORMATS}) == len(FORMATS)
    assert {server for each in FORMATS for server in each.servers} == set(SERVERS)


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("name", ["full", "empty", "passing", "hostile", "many"])
def test_whatever_was_measured_every_file_can_be_made(name: str, server: str) -> None:
    """UTF-8 without a byte-order mark, numbers that are numbers, and no escape of a terminal."""
    made: Material = {"hostile": materials.hostile, "many": materials.many}[name](server) if name in {
        "hostile", "many"
    } else materials.material(name, server)  # fmt: skip
    files = render_all(made)
    assert list(files) == [each.file for each in of(server)]
    for file, content in files.items():
        text = content.decode("utf-8")
        assert not text.startswith("\ufeff")
        assert "\x1b" not in text
        assert text in {"", text.rstrip("\n") + "\n"}
        if file.endswith(".json"):
            json.loads(text, parse_constant=_refused)
        assert "nan" not in text.lower().replace("tenant", "").split()


def _refused(name: str) -> None:
    raise AssertionError(f"{name} is no number in JSON")


def test_the_same_session_gives_the_same_bytes() -> None:
    """A stored run can be rendered again."""
    assert render_all(materials.material()) == render_all(materials.material())
