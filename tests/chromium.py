"""A headless Chromium, driven over its DevTools protocol: what a reader's browser does with a page.

Kept small on purpose: one page, one size, one theme at a time.
"""

import asyncio
import base64
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--remote-debugging-port=0",
)  # fmt: skip


def binary():
    """Return the Chromium to use; skips the test, saying so, where there is none."""
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("no Chromium here (install chromium, or set CHROMIUM to its path)")
    return found


@dataclass
class Seen:
    """What became of one visit."""

    problems: list = field(default_factory=list)
    requests: list = field(default_factory=list)
    answers: dict = field(default_factory=dict)


def visit(page, *, width, height=900, dark=False, scripts=None, screenshot=None, media=""):
    """Open a file, run named scripts in order (their values come back), take a screenshot of the whole page."""
    return asyncio.run(_visit(Path(page), width, height, dark, scripts or {}, screenshot, media))


async def _visit(page, width, height, dark, scripts, screenshot, media):
    aiohttp = pytest.importorskip("aiohttp")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = subprocess.Popen(
            [binary(), *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            port = await _port(Path(profile) / "DevToolsActivePort", browser)
            async with aiohttp.ClientSession() as session:
                async with session.get(f"http://127.0.0.1:{port}/json/list") as listed:
                    target = next(t for t in await listed.json() if t["type"] == "page")
                async with session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                    tab = _Tab(socket)
                    return await _look(tab, page, width, height, dark, scripts, screenshot, media)
        finally:
            browser.terminate()
            browser.wait(timeout=20)


async def _look(tab, page, width, height, dark, scripts, screenshot, media):
    for domain in ("Page", "Runtime", "Log", "Network"):
        await tab.ask(f"{domain}.enable")
    await tab.ask(
        "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
    )
    scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
    await tab.ask("Emulation.setEmulatedMedia", media=media, features=scheme)
    await tab.ask("Page.navigate", url=page.resolve().as_uri())
    await tab.until("Page.loadEventFired")
    for name, script in scripts.items():
        answer = await tab.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            tab.seen.problems.append(answer["exceptionDetails"]["text"])
        tab.seen.answers[name] = answer["result"].get("value")
    if screenshot is not None:
        shot = await tab.ask("Page.captureScreenshot", captureBeyondViewport=True, format="png")
        Path(screenshot).write_bytes(base64.b64decode(shot["data"]))
    return tab.seen


async def _port(file, browser):
    for _ in range(600):
        if file.exists() and file.read_text().strip():
            return int(file.read_text().split()[0])
        if browser.poll() is not None:
            pytest.skip(f"Chromium ended at once with code {browser.returncode}")
        await asyncio.sleep(0.05)
    raise TimeoutError("Chromium did not open its port")


class _Tab:
    def __init__(self, socket):
        self.socket, self.number, self.seen, self.events = socket, 0, Seen(), []

    async def ask(self, method, **parameters):
        self.number += 1
        wanted = self.number
        await self.socket.send_json({"id": wanted, "method": method, "params": parameters})
        while True:
            message = await asyncio.wait_for(self.socket.receive_json(), 60)
            if message.get("id") == wanted:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]
            self._note(message)

    async def until(self, event):
        while event not in self.events:
            self._note(await asyncio.wait_for(self.socket.receive_json(), 60))

    def _note(self, message):
        method, values = message.get("method", ""), message.get("params", {})
        self.events.append(method)
        if method == "Runtime.exceptionThrown":
            self.seen.problems.append(values["exceptionDetails"].get("exception", {}).get("description", "exception"))
        elif method == "Runtime.consoleAPICalled" and values["type"] in ("error", "warning", "assert"):
            self.seen.problems.append(str(values["args"]))
        elif method == "Log.entryAdded" and values["entry"]["level"] in ("error", "warning"):
            self.seen.problems.append(values["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.seen.requests.append(values["request"]["url"])
