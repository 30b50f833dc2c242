"""Drives Chromium over a pipe: opens pages, asks them, takes pictures. No port, no driver program."""

import base64
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--hide-scrollbars",
    "--force-device-scale-factor=1",
    "--remote-debugging-pipe",
)

KEYS = {"Tab": 9, "Enter": 13}
TALLEST = 16_000  # of a picture, in pixels


class Browser:
    """One Chromium with one tab; each message is a JSON text that a zero byte ends."""

    def __init__(self, reads: int, writes: int) -> None:
        self._reads = reads
        self._writes = writes
        self._unread = b""
        self._number = 0
        self._events: list[dict[str, Any]] = []
        target = self._call("Target.createTarget", {"url": "about:blank"})["targetId"]
        self._session: str | None = None
        self._session = self._call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        self._call("Page.enable")
        self._call("Network.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send one command of the protocol and return its result."""
        return self._call(method, parameters)

    def _call(self, method: str, parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters or {}}
        if getattr(self, "_session", None) is not None:
            message["sessionId"] = self._session
        os.write(self._writes, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") != self._number:
                self._events.append(answer)
                continue
            assert "error" not in answer, answer
            return dict(answer["result"])

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._unread:
            found = os.read(self._reads, 1 << 20)
            assert found, "the browser ended"
            self._unread += found
        message, _, self._unread = self._unread.partition(b"\0")
        return dict(json.loads(message))

    def open(self, address: str) -> None:
        """Load a page and wait until it is loaded."""
        self._events.clear()
        self._call("Page.navigate", {"url": address})
        while not any(each.get("method") == "Page.loadEventFired" for each in self._events):
            self._events.append(self._next())

    @property
    def requested(self) -> list[str]:
        """The addresses that the page has asked for since it was opened."""
        sent = [each for each in self._events if each.get("method") == "Network.requestWillBeSent"]
        return [each["params"]["request"]["url"] for each in sent]

    def show(self, *, width: int, height: int = 900, dark: bool = False, media: str = "screen") -> None:
        """Choose the size of the window, the colours and the medium."""
        self._call(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", {"media": media, "features": [scheme]})

    def scripts(self, *, on: bool) -> None:
        """Let pages run scripts or not; what the tests ask runs in either case."""
        self._call("Emulation.setScriptExecutionDisabled", {"value": not on})

    def ask(self, expression: str) -> Any:
        """Return the value of an expression in the page, awaited where it is a promise."""
        answer = self._call("Runtime.evaluate", {"expression": expression, "returnByValue": True, "awaitPromise": True})
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def press(self, key: str) -> None:
        """Press a key and let it go."""
        text = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            stroke = {"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": KEYS[key]}
            self._call("Input.dispatchKeyEvent", stroke | (text if kind == "keyDown" else {}))

    def picture(self, *, whole: bool = False) -> bytes:
        """Return what the window shows, or the whole page, as PNG."""
        parameters: dict[str, Any] = {"format": "png", "captureBeyondViewport": whole, "optimizeForSpeed": True}
        if whole:
            size = self._call("Page.getLayoutMetrics")["cssContentSize"]
            clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], TALLEST), "scale": 1}
            parameters["clip"] = clip
        return base64.b64decode(self._call("Page.captureScreenshot", parameters)["data"])


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """Yield a browser that ends with the block."""
    profile = tempfile.mkdtemp(prefix="chromium-")
    to_read, its_write = os.pipe()
    its_read, to_write = os.pipe()

    def place() -> None:  # the protocol's pipes are file descriptors 3 and 4
        read, write = os.dup(its_read), os.dup(its_write)
        os.dup2(read, 3)
        os.dup2(write, 4)

    process = subprocess.Popen(
        ["chromium", *FLAGS, f"--user-data-dir={profile}"],
        pass_fds=(3, 4, its_read, its_write),
        preexec_fn=place,  # noqa: PLW1509  (no thread of this process holds a lock that it takes)
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(its_read)
    os.close(its_write)
    try:
        yield Browser(to_read, to_write)
    finally:
        os.close(to_write)
        os.close(to_read)
        process.terminate()
        process.wait(timeout=30)
        shutil.rmtree(profile, ignore_errors=True)
