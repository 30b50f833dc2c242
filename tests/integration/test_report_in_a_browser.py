"""The HTML page drawn by a browser: without scripts, and under a policy that refuses its style."""

import re
import shutil
import struct
import subprocess
import zlib
from collections import Counter
from pathlib import Path

import pytest

import sessions
from pytest_llm_latency.report import html

WIDTH, HEIGHT = 700, 1500
RUN, BASELINE, PANEL = (0x1F, 0x5F, 0xBF), (0x6F, 0x7B, 0x8B), (0xF6, 0xF7, 0xF9)
JENKINS = "default-src 'none'; img-src 'self'; style-src 'self'"

Pixels = Counter[tuple[int, int, int]]

pytestmark = pytest.mark.needs("chromium")


def screenshot(page: Path) -> Pixels:
    """Return how many pixels of each colour a browser shows of a page."""
    picture, profile = page.with_suffix(".png"), page.with_suffix(".profile")
    command = [
        "chromium",
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--hide-scrollbars",
        "--force-device-scale-factor=1",
        "--blink-settings=preferredColorScheme=1",
        f"--user-data-dir={profile}",
        f"--window-size={WIDTH},{HEIGHT}",
        f"--screenshot={picture}",
        page.as_uri(),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    shutil.rmtree(profile, ignore_errors=True)
    return pixels(picture.read_bytes())


def pixels(png: bytes) -> Pixels:
    """Count the colours of a picture of eight bits a channel."""
    width, _, depth, kind = struct.unpack(">IIBB", png[16:26])
    assert depth == 8
    size = {2: 3, 6: 4}[kind]
    packed, at = b"", 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        packed += png[at + 8 : at + 8 + length] if png[at + 4 : at + 8] == b"IDAT" else b""
        at += length + 12
    raw, above, found = zlib.decompress(packed), bytearray(width * size), Counter[tuple[int, int, int]]()
    for start in range(0, len(raw), width * size + 1):
        row = unfiltered(raw[start], bytearray(raw[start + 1 : start + 1 + width * size]), above, size)
        found.update(zip(row[0::size], row[1::size], row[2::size], strict=True))
        above = row
    return found


def unfiltered(kind: int, row: bytearray, above: bytearray, size: int) -> bytearray:
    """Undo the filter of one line of a picture."""
    for index in range(len(row)) if kind else ():
        left = row[index - size] if index >= size else 0
        corner = above[index - size] if index >= size else 0
        guess = (0, left, above[index], (left + above[index]) // 2, nearest(left, above[index], corner))[kind]
        row[index] = (row[index] + guess) & 0xFF
    return row


def nearest(left: int, above: int, corner: int) -> int:
    """Return Paeth's prediction."""
    return min((left, above, corner), key=lambda each: abs(left + above - corner - each))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of a session of one test, under a policy that refuses its script."""
    text = html.render(*sessions.passing())
    path = tmp_path_factory.mktemp("page") / "index.html"
    path.write_text(re.sub(r"script-src '[^']*'", "script-src 'none'", text), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def shown(page: Path) -> Pixels:
    """Return what a browser shows of the page."""
    return screenshot(page)


def test_the_charts_are_drawn_without_scripts(shown: Pixels) -> None:
    """Both curves are there, though no script has run that could have drawn them."""
    assert shown[RUN] > 200
    assert shown[BASELINE] > 50


def test_the_style_passes_the_policy_that_the_page_carries(shown: Pixels) -> None:
    """The panel of the verdict has its colour only when the style sheet was taken."""
    assert shown[PANEL] > 20_000


def test_the_charts_keep_their_colours_under_a_policy_that_refuses_the_style(page: Path) -> None:
    """The default policy of Jenkins for published pages."""
    refused = page.with_name("refused.html")
    text = re.sub(r'(Content-Security-Policy" content=")[^"]*', rf"\g<1>{JENKINS}", page.read_text(encoding="utf-8"))
    refused.write_text(text, encoding="utf-8")
    found = screenshot(refused)
    assert found[PANEL] == 0
    assert found[RUN] > 100
    assert found[BASELINE] > 50
