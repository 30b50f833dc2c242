"""The walls of the package: who imports whom, what loading the plugin costs, how large things are."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "pytest_llm_latency").rglob("*.py"))
SOURCES = sorted({*MODULES, *(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")})

MODULE_LINES = 300
FUNCTION_LINES = 60

# Loads pytest with or without the plugin over a folder of plain tests and prints what was imported.
LOADED = """
import sys
import pytest
status = pytest.main(["-q", "-p", "no:cacheprovider", *sys.argv[1:]])
print("IMPORTED", *sorted(sys.modules))
sys.exit(status)
"""

# Writes down what each process has imported when the collection is over, and leaves.
WITNESS = """
import sys
import pytest

def note(config, name):
    (config.rootpath / name).write_text(" ".join(sys.modules))

def pytest_collection_finish(session):
    note(session.config, "worker")

@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node):
    note(node.config, "controller")
    pytest.exit("enough", returncode=0)
"""
MARKED = """
import pytest

@pytest.mark.llm_latency(model="openai/gpt-4o-mini")
def test_one(llm):
    pass
"""
# What only a process that measures, or one that stores and reports what was measured, has a use for.
MEASURING = (
    "numpy",
    "http",
    "urllib.request",
    "pytest_llm_latency.benchmark",
    "pytest_llm_latency.execution.cost",
    "pytest_llm_latency.execution.facts",
    "pytest_llm_latency.execution.paced_client",
    "pytest_llm_latency.artefacts",
    "pytest_llm_latency.execution.sharing.ledger",
    "pytest_llm_latency.judge",
    "pytest_llm_latency.load",
    "pytest_llm_latency.marker",
    "pytest_llm_latency.measuring",
    "pytest_llm_latency.member",
    "pytest_llm_latency.metrics",
    "pytest_llm_latency.model.plan",
    "pytest_llm_latency.model.request",
    "pytest_llm_latency.parts",
    "pytest_llm_latency.plan",
    "pytest_llm_latency.prompt_files",
    "pytest_llm_latency.prompts",
    "pytest_llm_latency.report.ci.formats",
    "pytest_llm_latency.report.live",
    "pytest_llm_latency.simulator",
    "pytest_llm_latency.session",
    "pytest_llm_latency.stats",
    "pytest_llm_latency.traces",
    "pytest_llm_latency.wire",
    "pytest_llm_latency.workers.gang",
    "tomllib",
)
# What only the process that a user has started has a use for.
CONTROLLING = (
    "pytest_llm_latency.conductor",
    "pytest_llm_latency.live",
    "pytest_llm_latency.model",
    "pytest_llm_latency.publishing",
    "pytest_llm_latency.report",
    "pytest_llm_latency.storage",
    "pytest_llm_latency.workers.listener",
)


def unneeded(names: Iterable[str], places: tuple[str, ...]) -> list[str]:
    """Return the modules that are one of these or below it."""
    return sorted(name for name in names if any(f"{name}.".startswith(f"{place}.") for place in places))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function and method of a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def place(path: Path, line: int | None = None) -> str:
    """Return where something stands, as an editor opens it."""
    name = path.relative_to(ROOT).as_posix()
    return name if line is None else f"{name}:{line}"


def imported(folder: Path, *arguments: str) -> set[str]:
    """Return what a pytest of its own has imported after it ran the tests of ``folder``."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("COV", "PYTEST"))}
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *arguments],
        cwd=folder,
        env=environment | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return set(done.stdout.split("IMPORTED", 1)[1].split())


def test_the_import_contracts_hold() -> None:
    """The layers, the independent edges and the file of each third-party name stand in .importlinter."""
    command = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([command, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_is_imported_under_a_computed_name() -> None:
    """An import that no contract can see is allowed only where public names are loaded lazily."""
    found = [
        place(path, node.lineno)
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute | ast.Name)
        and (node.attr if isinstance(node, ast.Attribute) else node.id) in {"import_module", "__import__"}
    ]
    lazy = ("pytest_llm_latency/__init__.py:", "pytest_llm_latency/model/__init__.py:")
    assert [each for each in found if not each.startswith(lazy)] == []


def test_loading_the_plugin_imports_only_the_standard_library_pytest_and_light_modules(tmp_path: Path) -> None:
    """What a suite without latency tests pays is the difference between two runs of it; no settings file is read."""
    (tmp_path / "llm-latency.yaml").write_text("[", encoding="utf-8")
    (tmp_path / "test_plain.py").write_text("def test_plain():\n    assert True\n", encoding="utf-8")
    plain = imported(tmp_path)
    ours = imported(tmp_path, "-p", "pytest_llm_latency.plugin") - plain
    assert "pytest_llm_latency.plugin" in ours
    tops = {name.partition(".")[0] for name in ours}
    assert tops - sys.stdlib_module_names == {"pytest_llm_latency"}
    own = {name.removeprefix("pytest_llm_latency.").partition(".")[0] for name in ours if "pytest_llm_latency." in name}
    assert own == {"errors", "http_versions", "options", "plugin", "suggestions", "units"}


def test_the_switch_imports_only_what_collection_and_a_start_need(tmp_path: Path) -> None:
    """NumPy, the statistics, the reports of a CI and http come with the first measurement, in each process."""
    (tmp_path / "conftest.py").write_text(WITNESS, encoding="utf-8")
    (tmp_path / "test_one.py").write_text(MARKED, encoding="utf-8")
    plugins = ["-p", "xdist", "-p", "pytest_llm_latency.plugin"]
    imported(tmp_path, *plugins, "--llm-latency", "-n1", "-v")  # with a header, which workers are asked for too
    controller, worker = ((tmp_path / name).read_text(encoding="utf-8").split() for name in ("controller", "worker"))
    assert {"pytest_llm_latency.conductor"} <= set(controller)
    assert {"pytest_llm_latency.workers.link"} <= set(worker)
    assert unneeded(controller, MEASURING) == []
    assert unneeded(worker, (*MEASURING, *CONTROLLING)) == []


def test_no_module_is_longer_than_a_reader_holds_in_mind() -> None:
    """A module has up to 300 lines."""
    lengths = {place(path): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert len(lengths) > 5
    assert {name: length for name, length in lengths.items() if length > MODULE_LINES} == {}


def test_no_function_is_longer_than_a_screen() -> None:
    """A function has up to 60 lines."""
    lengths = {
        place(path, node.lineno): node.end_lineno - node.lineno + 1
        for path in MODULES
        for node in functions(path)
        if node.end_lineno is not None
    }
    assert len(lengths) > 50
    assert {where: length for where, length in lengths.items() if length > FUNCTION_LINES} == {}


def test_no_module_or_class_is_a_drawer_for_the_rest() -> None:
    """A thing that has no name of its own has no place of its own."""
    drawers = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "mixin"}
    names = [(place(path), path.stem) for path in MODULES] + [
        (place(path, node.lineno), node.name)
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    ]
    assert [where for where, name in names if name.lower().endswith(tuple(drawers))] == []


def test_every_test_is_described_by_one_sentence() -> None:
    """The docstring says what the name cannot."""
    bare = [
        place(path, node.lineno)
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        for node in functions(path)
        if node.name.startswith("test_") and not ast.get_docstring(node)
    ]
    assert bare == []


def test_no_file_names_the_machine_that_it_was_written_on() -> None:
    """Homes and checkouts of a developer mean nothing to anyone else."""
    homes = tuple(f"/{folder}/" for folder in ("home", "Users", "work", "root"))
    named = [
        place(path, number)
        for path in SOURCES
        if path != Path(__file__)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if any(f"{before}{home}" in line for home in homes for before in ('"', "'", " ", "`"))
    ]
    assert named == []
