"""A headless Chromium on this machine, spoken to over its DevTools protocol."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from websocket import create_connection

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def browser_path() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One page; what it asked of the network and said on its console is kept."""

    def __init__(self) -> None:
        self.folder = tempfile.mkdtemp(prefix="enb-browser-")
        self.process = subprocess.Popen(
            [
                browser_path(), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
                "--no-first-run", "--disable-background-networking", "--disable-component-update",
                "--disable-sync", "--remote-debugging-port=0", "--remote-allow-origins=*",
                f"--user-data-dir={self.folder}", "about:blank",
            ],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )  # fmt: skip
        for line in self.process.stderr:
            if line.startswith("DevTools listening on "):
                root = line.split()[-1]
                break
        else:
            raise RuntimeError("Chromium did not start.")
        self.number = 0
        self.events: list[dict] = []
        self.address = ""
        self.session = None
        self.socket = create_connection(root, timeout=60)
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params) -> dict:
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        self.socket.send(json.dumps(message))
        while (answer := json.loads(self.socket.recv())).get("id") != self.number:
            self.events.append(answer)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["result"]

    def open(self, path: Path, *, width: int = 1280, height: int = 900, scheme: str = "light"):
        """Open a file with the network cut, at a width, in a colour scheme."""
        self.visit(path.absolute().as_uri(), offline=True, width=width, height=height,
                   scheme=scheme)  # fmt: skip

    def visit(
        self, address: str, *, offline: bool = False, width: int = 1280, height: int = 900,
        scheme: str = "light",
    ) -> None:  # fmt: skip
        """Open an address."""
        self.events.clear()
        free = -1
        self.call("Network.emulateNetworkConditions", offline=offline, latency=0,
                  downloadThroughput=free, uploadThroughput=free)  # fmt: skip
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=width < 600)  # fmt: skip
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", features=features)
        self.address = address
        self.call("Page.navigate", url=self.address)
        self.until("Page.loadEventFired")

    def until(self, method: str, count: int = 1, **params) -> None:
        """Return when so many events of a kind have come since the page was opened."""
        while count > sum(
            event["method"] == method and params.items() <= event["params"].items()
            for event in self.events
        ):
            self.events.append(json.loads(self.socket.recv()))

    def choose(self, field: str, *paths: Path) -> None:
        """Give files to an input, as a person does who chooses them."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=field)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(path) for path in paths])

    def wait_for(self, expression: str, seconds: float = 20) -> None:
        """Return when an expression is true."""
        timeout = f"setTimeout(() => no(new Error('still false')), {seconds * 1000})"
        self.evaluate(
            f"new Promise((yes, no) => {{ {timeout}; const look = () => ({expression}) ? yes() :"
            " setTimeout(look, 20); look(); })"
        )

    def evaluate(self, expression: str):
        result = self.call("Runtime.evaluate", expression=expression, awaitPromise=True,
                           returnByValue=True)  # fmt: skip
        if "exceptionDetails" in result:
            raise RuntimeError(result["exceptionDetails"])
        return result["result"].get("value")

    def in_frame(self, expression: str):
        """The value of an expression in the page's sandboxed frame."""
        targets = self.call("Target.getTargets")["targetInfos"]
        [frame] = [each["targetId"] for each in targets if each["type"] == "iframe"]
        page, attached = self.session, self.call("Target.attachToTarget", targetId=frame,
                                                 flatten=True)  # fmt: skip
        try:
            self.session = attached["sessionId"]
            return self.evaluate(expression)
        finally:
            self.session = page

    def download(self, selector: str, folder: Path) -> bytes:
        """Click on a link that saves a file, and return its content."""
        page, self.session = self.session, None
        self.call("Browser.setDownloadBehavior", behavior="allow", eventsEnabled=True,
                  downloadPath=str(folder))  # fmt: skip
        self.session = page
        self.evaluate(f"document.querySelector('{selector}').click()")
        self.until("Browser.downloadProgress", state="completed")
        return next(folder.iterdir()).read_bytes()

    @property
    def requests(self) -> list[str]:
        """Addresses that the page asked for, but for itself and what it holds."""
        asked = [e["params"]["request"]["url"] for e in self.events
                 if e["method"] == "Network.requestWillBeSent"]  # fmt: skip
        return [url for url in asked if url != self.address and not url.startswith("data:")]

    @property
    def complaints(self) -> list[str]:
        """What the console says: errors, warnings and messages."""
        said = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
        return [json.dumps(e["params"])[:500] for e in self.events if e["method"] in said]

    def accessibility_violations(self) -> list[str]:
        """What axe finds against WCAG 2.x AA, and its best practices."""
        from axe_core_python.base import AXE_SCRIPT

        self.evaluate(AXE_SCRIPT)
        # What passes is not described, which would take as long as the rules.
        only = "{resultTypes: ['violations']}"
        found = self.evaluate(f"axe.run({only}).then(r => r.violations)")
        return [f"{v['id']} ({v['impact']}): {v['help']}: {[n['html'][:200] for n in v['nodes']]}"
                for v in found]  # fmt: skip

    def scrolls_sideways(self) -> bool:
        return self.evaluate(
            "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        )

    def picture(self, path: Path) -> None:
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 12000),
                "scale": 1}  # fmt: skip
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        path.write_bytes(base64.b64decode(shot["data"]))

    def close(self) -> None:
        self.socket.close()
        self.process.terminate()
        self.process.wait(10)
        self.process.stderr.close()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture(scope="session")
def browser():
    if browser_path() is None:
        pytest.skip("no Chromium or Chrome is installed")
    opened = Browser()
    yield opened
    opened.close()
