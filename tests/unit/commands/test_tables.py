"""Tables in the width of a terminal, and whole everywhere else."""

import pytest

from pytest_llm_latency.commands import tables

ROWS = [
    ("TEST", "SERIES", "P50", "REASON", "COMMIT"),
    ("tests/latency/test_answer_latency.py::test_answer", "ttft", "41.2 ms", "a longer answer", "5c1e9a0d7b3f"),
]


class Terminal:
    """Stands in for the standard output."""

    def isatty(self) -> bool:
        """Say that it is one."""
        return True


@pytest.mark.parametrize(
    ("columns", "heads", "name"),
    [
        (200, ["TEST", "SERIES", "P50", "REASON", "COMMIT"], ROWS[1][0]),
        (90, ["TEST", "SERIES", "P50", "REASON"], ROWS[1][0]),
        (70, ["TEST", "SERIES", "P50"], ROWS[1][0]),
        (60, ["TEST", "SERIES", "P50"], "…/test_answer_latency.py::test_answer"),
        (20, ["TEST", "SERIES", "P50"], "…::test_answer"),
    ],
)
def test_a_table_fits_its_terminal(monkeypatch: pytest.MonkeyPatch, columns: int, heads: list[str], name: str) -> None:
    """Columns that can be spared go one by one, then ids of tests are shortened as far as they stay readable."""
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr("sys.stdout", Terminal())
    found = tables.fitted(ROWS, ("COMMIT", "REASON"))
    assert list(found[0]) == heads
    assert found[1][0] == name


def test_what_goes_to_a_file_is_whole(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """However narrow the terminal beside it is."""
    monkeypatch.setenv("COLUMNS", "20")
    tables.write_table(ROWS, spare=("COMMIT",))
    assert capsys.readouterr().out.splitlines()[1].split()[-1] == "5c1e9a0d7b3f"
