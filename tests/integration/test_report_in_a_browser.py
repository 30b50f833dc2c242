"""The HTML page in a browser: drawn without scripts and under a foreign policy, sorted, and read by axe."""

import base64
import dataclasses
import itertools
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import browser as browsers
import nouns
import sessions
from browser import Browser
from pytest_llm_latency.report import html

AXE = "axe/node_modules/axe-core/axe.min.js"
# What Jenkins sends with the files of a build: neither scripts nor an inline style sheet.
JENKINS = "sandbox allow-same-origin; default-src 'none'; img-src 'self'; style-src 'self';"
CHARTS = "[...document.querySelectorAll('figure > svg')].filter((each) => each.checkVisibility())"

# Counts, in each of some boxes of a picture, the pixels that are clearly neither grey, white nor black, up to ENOUGH.
ENOUGH = 21
COLOURED = """(async () => {
  const image = new Image();
  image.src = "data:image/png;base64,%s";
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.width, image.height];
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  return %s.map(([x, y, width, height]) => {
    const data = context.getImageData(x, y, width, height).data;
    let found = 0;
    for (let at = 0; at < data.length && found < %d; at += 4) {
      const [red, green, blue] = data.slice(at, at + 3);
      found += Math.max(red, green, blue) - Math.min(red, green, blue) > 60;
    }
    return found;
  });
})()"""

pytestmark = pytest.mark.needs("chromium")


class Served(ThreadingHTTPServer):
    """Serves one page, at ``/jenkins`` with the headers of Jenkins."""

    page: bytes = b""


class Answering(BaseHTTPRequestHandler):
    """Answers each request with the page."""

    server: Served

    def do_GET(self) -> None:
        """Send the page with the policy that belongs to the path."""
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        if self.path == "/jenkins":
            self.send_header("Content-Security-Policy", JENKINS)
        self.end_headers()
        self.wfile.write(self.server.page)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002  (the base class names it)
        """Say nothing."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Yield one browser for all tests."""
    with browsers.browser() as found:
        yield found


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Yield where the page of a session with every part is served."""
    with Served(("127.0.0.1", 0), Answering) as server:
        server.page = html.render(*sessions.broad()).encode()
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the address of a page of 200 benchmarks."""
    run = nouns.run([0.2], plan=nouns.plan(gate=("ttft",)))
    ratios = [1 + place * 7 % 200 / 100 for place in range(200)]
    results = [
        dataclasses.replace(
            nouns.result(
                of=run, comparisons=(nouns.comparison("ttft", ratio=ratio, interval=(ratio * 0.9, ratio * 1.1)),)
            ),
            test_id=f"tests/test_many.py::test_{place}[<&'\"é\u2028]",
        )
        for place, ratio in enumerate(ratios)
    ]
    path = tmp_path_factory.mktemp("many") / "index.html"
    path.write_text(html.render(nouns.session(*results), {}), encoding="utf-8")
    return path.as_uri()


def coloured(browser: Browser) -> list[int]:
    """Return how many pixels of each visible chart are coloured."""
    boxes = browser.ask(
        f"{CHARTS}.map((each) => each.getBoundingClientRect()).map((box) => "
        "[box.left + scrollX, box.top + scrollY, box.width, box.height].map(Math.round))"
    )
    picture = base64.b64encode(browser.picture(whole=True)).decode()
    browser.scripts(on=True)
    browser.open("about:blank")
    found: list[int] = browser.ask(COLOURED % (picture, boxes, ENOUGH))
    return found


@pytest.mark.parametrize(("path", "styled"), [("/", True), ("/jenkins", False)])
def test_every_chart_is_drawn_without_scripts_and_under_the_policy_of_jenkins(
    browser: Browser, address: str, path: str, *, styled: bool
) -> None:
    """Each has its colours, where the style sheet is refused as well."""
    browser.show(width=1280)
    browser.scripts(on=False)
    browser.open(address + path)
    assert (browser.ask("getComputedStyle(document.body).maxWidth") != "none") is styled
    assert browser.ask("document.querySelectorAll('.filter').length") == 0
    found = coloured(browser)
    assert len(found) > 20
    assert min(found) == ENOUGH


@pytest.mark.needs(AXE)
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_axe_finds_nothing(browser: Browser, address: str, width: int, *, dark: bool) -> None:
    """On wide and narrow screens, light and dark, with everything unfolded."""
    browser.show(width=width, dark=dark)
    browser.scripts(on=True)
    browser.open(address)
    browser.ask("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    browser.ask((Path(__file__).parents[1] / AXE).read_text(encoding="utf-8") + "; 0")
    found = browser.ask(
        "axe.run({ resultTypes: ['violations'] }).then((found) => [found.passes.length, "
        "found.violations.map((each) => [each.id, each.nodes.length, each.nodes[0].html])])"
    )
    assert found[0] > 20
    assert found[1] == []


def test_the_page_asks_for_nothing_and_fits_a_narrow_screen(browser: Browser, address: str) -> None:
    """What is wider scrolls in a box of its own."""
    browser.show(width=390)
    browser.scripts(on=True)
    browser.open(address)
    assert browser.requested == [address + "/"]
    assert browser.ask("document.documentElement.scrollWidth") == 390


def test_the_table_of_200_benchmarks_sorts_by_keyboard_and_filters(browser: Browser, many: str) -> None:
    """By numbers as numbers, again for the other way around, and by the words of a line."""
    browser.show(width=1280)
    browser.scripts(on=True)
    browser.open(many)
    keys = "[...document.querySelectorAll('#all-benchmarks tbody tr')].map((row) => Number(row.cells[6].dataset.key))"
    browser.ask("document.querySelectorAll('#all-benchmarks th button')[6].focus()")
    browser.press("Enter")
    rising = browser.ask(keys)
    assert len(rising) == 200
    assert all(earlier <= later for earlier, later in itertools.pairwise(rising))
    assert browser.ask("document.activeElement.parentElement.ariaSort") == "ascending"
    browser.press("Enter")
    assert browser.ask(keys) == rising[::-1]
    browser.ask(
        "(() => { const field = document.querySelector('.filter input'); field.value = 'PASS test_19'; "
        "field.dispatchEvent(new Event('input')); })()"
    )
    shown = "[...document.querySelectorAll('#all-benchmarks tbody tr')].filter((row) => row.checkVisibility()).length"
    assert browser.ask(shown) == 11
    assert browser.ask("document.querySelector('[role=status]').textContent") == "11 of 200 lines"


def test_in_print_what_was_folded_is_there(browser: Browser, address: str) -> None:
    """But for the tables beside the charts; and the colours are those of paper."""
    browser.show(width=800, dark=True, media="print")
    browser.open(address)
    assert browser.ask(f"{CHARTS}.length") == browser.ask("document.querySelectorAll('figure > svg').length")
    assert browser.ask("[...document.querySelectorAll('.data')].some((each) => each.checkVisibility())") is False
    assert browser.ask("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
