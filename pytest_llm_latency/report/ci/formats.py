"""The table of what a CI reads: one row makes the file and the documentation."""

from collections.abc import Callable
from dataclasses import dataclass

from pytest_llm_latency.report.ci import comment, github, gitlab, jenkins, junit, trackers
from pytest_llm_latency.report.ci.material import Material

Renderer = Callable[[Material], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One format: the CIs that it is written for, its file, what renders it, and where it shows.

    ``appended_to`` names the variable whose file gets the text too; ``printed`` says that it is
    written to the job's log, from where the CI takes it.
    """

    name: str
    servers: tuple[str, ...]
    file: str
    render: Renderer
    shown: str
    appended_to: str | None = None
    printed: bool = False


FORMATS: tuple[Format, ...] = (
    Format(name="Step summary", servers=("github",), file="summary.md", render=comment.summary,
             shown="on the page of the run", appended_to="GITHUB_STEP_SUMMARY"),
    Format(name="Annotations", servers=("github",), file="annotations.txt", render=github.annotations,
             shown="at the lines of the tests, in the run and in the pull request", printed=True),
    Format(name="Outputs", servers=("github",), file="outputs.txt", render=github.outputs,
             shown="to later steps of the job: `verdict` and `fails`", appended_to="GITHUB_OUTPUT"),
    Format(name="Comment", servers=("github", "gitlab"), file="comment.md", render=comment.comment,
             shown="on the pull or merge request, by a job that posts it"),
    Format(name="github-action-benchmark", servers=("github",), file="github-action-benchmark.json",
             render=trackers.github_action_benchmark, shown="as charts over time, by its action"),
    Format(name="Bencher", servers=("github", "gitlab", "jenkins"), file="bencher.json", render=trackers.bencher,
             shown="as charts over time, by `bencher run --adapter json --file`"),
    Format(name="JUnit", servers=("gitlab", "jenkins"), file="junit.xml", render=junit.render,
             shown="as tests, with the reasons of those that failed"),
    Format(name="Code quality", servers=("gitlab",), file="code-quality.json", render=gitlab.code_quality,
             shown="in the merge request: which regressions are new, which are gone"),
    Format(name="Browser performance", servers=("gitlab",), file="browser-performance.json",
             render=gitlab.browser_performance, shown="in the merge request: every figure beside the target branch's"),
    Format(name="Metrics", servers=("gitlab",), file="metrics.txt", render=gitlab.metrics,
             shown="in the merge request: the figures that changed"),
    Format(name="Load performance", servers=("gitlab",), file="load-performance.json",
             render=gitlab.load_performance, shown="in the merge request: time to first token, rate and successes"),
    Format(name="Performance", servers=("jenkins",), file="performance.csv", render=jenkins.performance,
             shown="as trends of the response times, by the plugin Performance"),
    Format(name="Plot", servers=("jenkins",), file="plot.csv", render=jenkins.plot,
             shown="as lines of p95 over the builds, by the plugin Plot"),
    Format(name="Warnings", servers=("jenkins",), file="warnings.json", render=jenkins.warnings,
             shown="as issues at the lines of the tests, by the plugin Warnings Next Generation"),
)  # fmt: skip


def of(server: str) -> tuple[Format, ...]:
    """Return the formats that one CI gets."""
    return tuple(each for each in FORMATS if server in each.servers)


def render_all(material: Material) -> dict[str, bytes]:
    """Return the files of the CI in which a session ran, by their names."""
    return {each.file: each.render(material).encode("utf-8", "replace") for each in of(material.place.server)}
