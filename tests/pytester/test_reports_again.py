"""What a session reported is rendered again from what it stored, to the last byte."""

import shutil

import pytest

from pytest_llm_latency import artefacts, cli
from suites import MODEL, Suite

THREE = f"""
import pytest

pytestmark = pytest.mark.llm_latency(model="{MODEL}", requests=60, warmup=1, concurrency=30)

async def test_one(llm):
    await llm("hi")

async def test_two(llm):
    await llm("ask", name="question")
    await llm("ask more", name="follow up")

@pytest.mark.llm_latency(limits=["ttft.p50 < 1ms"], requests=10, concurrency=5)
def test_limited(llm):
    llm("hi")
"""


def section(text: str) -> str:
    """Return the section of a session out of what was printed."""
    lines = text.splitlines()
    start = next(place for place, line in enumerate(lines) if line.strip("= ") == "llm latency")
    end = next((place for place in range(start + 1, len(lines)) if lines[place].startswith("==")), len(lines))
    return "\n".join(lines[start:end])


def test_a_session_is_rendered_again_to_the_last_byte(suite: Suite, capsys: pytest.CaptureFixture[str]) -> None:
    """Also after its baselines moved on and were lost, from the folder of a later session."""
    suite.write(THREE)
    suite.measure("--llm-latency-accept")
    suite.profile(slowdown=2)
    ran = suite.measure("--llm-latency-ci=gitlab")
    folder = suite.path / ".llm-latency"
    paths = [path for path in artefacts.rendered() if (folder / path).exists()]
    before = {path: (folder / path).read_bytes() for path in paths}
    assert {"index.html", "results.json", "samples.parquet", "junit.xml"} <= {path.name for path in paths}
    session = suite.session
    assert all(test.baseline is not None for test in session.tests)
    suite.measure("-k", "one", "--llm-latency-accept")
    shutil.rmtree(suite.path / "baselines")
    capsys.readouterr()
    assert cli.main(["report", session.folder.name, "--output", ".llm-latency", "--ci", "gitlab"]) == 0
    for path, content in before.items():
        assert (folder / path).read_bytes() == content, path
    again, first = section(capsys.readouterr().out), section(ran.stdout.str())
    assert "regressed" in first
    assert again.splitlines() == first.splitlines()
