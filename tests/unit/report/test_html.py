"""The HTML page: what it must never do, whatever it shows."""

import base64
import dataclasses
import hashlib
import itertools
import re
from html.parser import HTMLParser
from typing import Any

import pytest

import nouns
import sessions
from pytest_llm_latency.report import html

SESSIONS = pytest.mark.parametrize("name", sessions.SESSIONS)
MANY = 32  # benchmarks that no page draws all
VOID = {"meta", "link", "br", "input"}


class Page(HTMLParser):
    """Reads a page: its elements with their attributes, and whether they close as they opened."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self.open: list[tuple[str, dict[str, str | None]]] = []
        self.plain: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember an element."""
        self._meet(tag, dict(attrs))
        if tag not in VOID:
            self.open.append((tag, dict(attrs)))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember an element without content."""
        self._meet(tag, dict(attrs))

    def _meet(self, tag: str, attributes: dict[str, str | None]) -> None:
        """Remember an element, and a shape in which neither it nor the group that it is in has a colour."""
        self.elements.append((tag, attributes))
        group = self.open[-1][1] if self.open and self.open[-1][0] == "g" else {}
        if tag in {"path", "rect", "circle", "text"} and not {"stroke", "fill"} & (attributes.keys() | group.keys()):
            self.plain.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Check that the innermost element ends."""
        assert self.open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        """Remember the text of an element of this kind."""
        self.texts[self.open[-1][0] if self.open else ""] = data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """Return the attributes of every element of a kind."""
        return [attributes for name, attributes in self.elements if name == tag]


def page(name: str) -> tuple[str, Page]:
    """Return a page as text and read."""
    text = html.render(*sessions.SESSIONS[name]())
    return text, Page(text)


@SESSIONS
def test_every_element_closes_as_it_opened(name: str) -> None:
    """A browser repairs a page in its own way."""
    assert page(name)[1].open == []


@SESSIONS
def test_the_page_asks_for_nothing(name: str) -> None:
    """No address outside of the page, and none is built."""
    _, read = page(name)
    addresses = [
        value
        for _, attributes in read.elements
        for key, value in attributes.items()
        if key in {"href", "src", "srcset", "action", "data", "xlink:href", "poster", "background"}
    ]
    assert all(value is not None and value.startswith(("#", "data:,")) for value in addresses)
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest|import\(", read.texts["style"] + read.texts["script"])


@SESSIONS
def test_the_page_carries_the_policy_that_its_own_style_and_script_pass(name: str) -> None:
    """Hashes of the exact text; neither inline attributes nor anything else."""
    text, read = page(name)
    policy = next(each["content"] for each in read.all("meta") if each.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none';")
    for tag in ("style", "script"):
        (body,) = re.findall(rf"(?s)<{tag}>(.*?)</{tag}>", text)
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert not [key for _, attributes in read.elements for key in attributes if key == "style" or key.startswith("on")]


def test_what_a_provider_says_is_text() -> None:
    """Markup is escaped, what HTML cannot hold is replaced."""
    text, read = page("full")
    assert "&lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt; &amp; a very \ufffd[31mred page" in text
    assert len(read.all("script")) == 1


def test_every_place_that_takes_text_escapes_it() -> None:
    """Names, reasons, settings, steps: each of them may hold markup."""
    evil = "<b id=evil>&\udc80\x00"
    run = nouns.run(
        samples=nouns.samples([0.2] * 3 + [None], step=evil, failed=nouns.failure(evil, evil)),
        test_id=f"{evil}::{evil}",
        file=evil,
        plan=nouns.plan(model=evil),
        conditions=(nouns.conditions(step=evil, served_model=evil, endpoint=evil),),
    )
    result = nouns.result(
        "regressed",
        of=run,
        comparisons=(nouns.comparison(step=evil, status="regressed", reasons=(evil,)),),
        limits=(nouns.limit(evil, "regressed", message=evil),),
        reasons=(evil,),
        environment_changes=(evil,),
    )
    session = nouns.session(
        result, settings={evil: evil}, environment=nouns.environment(label=evil, commit=evil, versions={evil: evil})
    )
    text = html.render(session, {result.test_id: nouns.evidence(run)})
    assert "<b" not in text.partition("<style>")[0] + text.partition("</style>")[2].replace("<body", "").replace(
        "<button", ""
    ).replace("<br>", "").replace("<b>", "")
    text.encode("utf-8")


@SESSIONS
def test_the_page_can_be_read_aloud(name: str) -> None:
    """Headings in order, a caption for each table, a name for each picture, ids that are there once."""
    _, read = page(name)
    levels = [int(tag[1]) for tag, _ in read.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert len(read.all("caption")) == len(read.all("table"))
    ids = [attributes["id"] for _, attributes in read.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    pointed = [value for _, attributes in read.elements for value in _pointed(attributes)]
    assert set(pointed) <= set(ids)
    assert all({"aria-labelledby", "aria-label", "aria-hidden"} & each.keys() for each in read.all("svg"))


def _pointed(attributes: dict[str, str | None]) -> list[str]:
    link = attributes.get("href") or ""
    return [
        *f"{attributes.get('aria-labelledby') or ''} {attributes.get('aria-describedby') or ''}".split(),
        *([link[1:]] if link.startswith("#") else []),
    ]


@SESSIONS
def test_colours_of_charts_do_not_need_the_style_sheet(name: str) -> None:
    """A policy may refuse it: each drawn shape has a colour of its own."""
    _, read = page(name)
    assert read.plain == []


def test_what_passed_is_folded_where_there_are_many() -> None:
    """What needs a look is open."""
    results = [nouns.result(of=nouns.run([0.2], test_id=f"t.py::test_{index}")) for index in range(5)]
    results.append(nouns.result("regressed", of=nouns.run([0.2], test_id="t.py::test_slow")))
    parts = html.render(nouns.session(*results), {}).split("<article")[1:]
    assert ["<details open" in part for part in parts] == [False] * 5 + [True]


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("ttft.p95 < 800ms", 0.5612, "561 ms"),
        ("error_rate < 1%", 0.071, "7.1 %"),
        ("cost.mean < $0.002", 0.0031, "$0.0031"),
        ("requests_per_s > 20/s", 12.5, "12.5/s"),
        ("unheard.of < 3", 2.5, "2.50"),
        ("ttft.p95 < 800ms", None, "–"),
    ],
)
def test_a_limit_is_shown_in_the_unit_of_what_it_limits(text: str, value: float | None, expected: str) -> None:
    """The text of a limit names its metric first."""
    limit: Any = nouns.limit(text, value=value, message="A message.")
    page_text = html.render(nouns.session(nouns.result(limits=(limit,))), {})
    assert f'<td class="n">{expected}</td><td><span class="badge' in page_text


def test_a_reason_that_several_tests_share_is_said_once_at_the_top() -> None:
    """The verdict is to be understood in seconds; each benchmark's own part still has all of its reasons."""
    shared = "run-to-run noise of 5 % is assumed"
    results = [
        nouns.result(
            "regressed",
            of=nouns.run([0.3], test_id=f"t.py::test_{each}"),
            comparisons=(nouns.comparison("ttft", "regressed", reasons=(f"p95 {each}", shared)),),
        )
        for each in range(3)
    ]
    page = html.render(nouns.session(*results), {})
    top = page.partition('id="benchmarks"')[0]
    assert 'id="benchmarks"' in page
    assert top.count(shared) == 1


def test_an_advice_that_several_tests_share_is_said_once_in_the_verdict() -> None:
    """With the command of the first of them."""
    slower = (nouns.comparison("ttft", "regressed"),)
    results = [
        nouns.result("regressed", of=nouns.run([0.3], test_id=f"t.py::test_{each}"), comparisons=slower)
        for each in range(3)
    ]
    text = html.render(nouns.session(*results), {})
    assert text.count("Find what changed") == 1
    assert "accept --test t.py::test_0</code> and the same for 2 more." in text


def test_a_test_is_described_with_its_prompts_its_nonce_and_all_that_did_not_count() -> None:
    """Where the plan has them."""
    plan = nouns.plan(warmup=5, ramp_in=16, prompts="2 prompts of <a>.txt, in turn", nonce=True)
    session = nouns.session(nouns.result(of=nouns.run(nouns.lognormal(20, median=0.3), plan=plan)))
    text = html.render(session, {})
    nowhere = dataclasses.replace(session.results[0], file="")
    assert "0 baseline runs · tests/test_chat.py:12</p>" in text
    assert "0 baseline runs</p>" in html.render(nouns.session(nowhere), {})
    assert "100 requests after 21 of warm-up · 2 prompts of &lt;a&gt;.txt, in turn · with a nonce · 0 baseline" in text


def test_a_page_of_many_benchmarks_draws_one_metric_of_what_passed_and_says_so() -> None:
    """What failed is drawn whole."""
    run = nouns.run([0.2, 0.3, 0.25])
    results = [nouns.result(of=dataclasses.replace(run, test_id=f"t.py::test_{place}")) for place in range(20)]
    results.append(nouns.result("regressed", of=dataclasses.replace(run, test_id="t.py::test_slow")))
    evidence = nouns.evidence(run)
    text = html.render(nouns.session(*results), {each.test_id: evidence for each in results})
    parts = text.partition('id="comparisons"')[0].split("<article")[1:]
    assert {part.count("<figure>") for part in parts[:20]} == {3}
    assert all("the one that moved most is drawn" in part for part in parts[:20])
    assert parts[20].count("<figure>") == 5
    assert "the one that moved most" not in parts[20]


def test_what_a_page_of_many_benchmarks_does_not_draw_keeps_its_verdict_and_what_is_said_of_it() -> None:
    """Its line, its sentences, its limits and errors; and the page says how many it draws and what draws the others."""
    failing = nouns.run([0.2, 0.3, None])
    results = [
        nouns.result(
            "regressed",
            of=dataclasses.replace(failing, test_id=f"t.py::test_{place}"),
            baseline=[failing],
            comparisons=(nouns.comparison("ttft", "regressed", ratio=1.2 + place / 1000, reasons=(f"why {place}",)),),
            limits=(nouns.limit("ttft.p95 < 500ms", "regressed", message=f"over {place}"),),
        )
        for place in range(MANY)
    ]
    results += [nouns.result(of=dataclasses.replace(failing, test_id=f"t.py::calm_{place}")) for place in range(MANY)]
    evidence = {each.test_id: nouns.evidence(failing, failing) for each in results}
    text = html.render(nouns.session(*results), evidence)
    parts = text.partition('id="comparisons"')[0].split("<article")[1:]
    drawn = [place for place, part in enumerate(parts) if "<figure>" in part]
    assert drawn == list(range(MANY - len(drawn), MANY))
    assert 4 < len(drawn) < 30
    assert f"so that {len(drawn)} of them have charts" in text
    assert text.count("<tr>\n<th") >= 2 * MANY * 2
    for place, part in enumerate(parts[:MANY]):
        assert all(each in part for each in (f"why {place}", f"over {place}", "RateLimitError", "s-regressed"))
    assert all("<details" not in part and "s-pass" in part for part in parts[MANY:])


def test_the_verdict_names_so_many_benchmarks_and_counts_the_rest() -> None:
    """The first screen stays one."""
    results = [
        nouns.result("regressed", of=nouns.run([0.2], test_id=f"t.py::test_{place}"), comparisons=(nouns.comparison(),))
        for place in range(500)
    ]
    text = html.render(nouns.session(*results), {})
    top = text.partition('id="benchmarks"')[0]
    assert top.count('<a class="id"') == html.NAMED
    assert "488 benchmarks more in" in top


def test_no_number_that_is_none_is_on_the_page() -> None:
    """Neither in words nor in the geometry of a chart, also of runs without a request or without a success."""
    session, evidence = sessions.broad()
    for run in (nouns.run([]), nouns.run([None]), nouns.run([0.0, 1e-9])):
        session = dataclasses.replace(session, results=(*session.results[:-1], nouns.result(of=run, baseline=[run])))
        text = html.render(session, {**evidence, run.test_id: nouns.evidence(run, run)})
        shown = re.sub(r"(?s)<(style|script)>.*?</\1>", "", text)
        assert not re.search(r"\b[Nn]a[Nn]\b|\binf\b|\bNone\b", shown)
