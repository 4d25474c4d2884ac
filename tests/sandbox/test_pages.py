"""The sandbox's pages in a real browser."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from engagement_nb.sandbox import Sandbox
from tests.browser import browser as browser
from tests.sandbox.helpers import post
from tests.sandbox.sign_in import finish, start

pytestmark = pytest.mark.xdist_group("web")


def visit(browser: Any, url: str, width: int = 390) -> None:
    """Open a page over the network and wait until it is there."""
    browser.call(
        "Network.emulateNetworkConditions",
        offline=False, latency=0, downloadThroughput=-1, uploadThroughput=-1,
    )  # fmt: skip
    browser.call(
        "Emulation.setDeviceMetricsOverride",
        width=width, height=900, deviceScaleFactor=1, mobile=width < 600,
    )  # fmt: skip
    browser.events.clear()
    browser.call("Page.navigate", url=url)
    wait(browser)


def wait(browser: Any) -> None:
    while not any(event["method"] == "Page.loadEventFired" for event in browser.events):
        browser.events.append(json.loads(browser.socket.recv()))


def test_the_page_shows_the_pin_in_large_digits_and_the_pin_works(
    browser: Any, sandbox: Sandbox
) -> None:
    token = start(sandbox)
    visit(browser, f"{sandbox.url}/oauth/authorize?oauth_token={token['oauth_token']}")
    assert browser.accessibility_violations() == []
    browser.events.clear()
    browser.evaluate("document.querySelector('button.main').click()")
    wait(browser)
    size = browser.evaluate("getComputedStyle(document.querySelector('#pin')).fontSize")
    assert float(size.removesuffix("px")) >= 32
    assert not browser.scrolls_sideways()
    pin = browser.evaluate("document.querySelector('#pin').textContent")
    assert finish(sandbox, token, pin)["user_id"] == sandbox.accounts[0].user_id


@pytest.mark.parametrize("width", [1280, 390])
def test_the_index_page_fits_its_window_and_makes_no_requests(
    browser: Any, make_sandbox: Callable[..., Sandbox], width: int
) -> None:
    sandbox = make_sandbox()
    post(sandbox, "28hr", sandbox.ids("others", 9), ["favorites"])
    visit(browser, sandbox.url, width)
    assert not browser.scrolls_sideways()
    assert [url for url in browser.requests if not url.startswith(sandbox.url)] == []
    assert not browser.complaints
    assert browser.accessibility_violations() == []
    # Whoever looks at a phone sees what the last request got without scrolling.
    right = "document.querySelector('td.bad').getBoundingClientRect().right"
    assert browser.evaluate(right) < width
