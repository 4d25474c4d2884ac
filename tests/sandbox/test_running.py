"""Starting, stopping, the pages, and the command line."""

from __future__ import annotations

import io
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from engagement_nb import cli
from engagement_nb.sandbox import KINDS, Sandbox
from tests.sandbox.helpers import post

PROGRAM = [sys.executable, "-m", "engagement_nb", "sandbox"]


def run(*arguments: str) -> tuple[int, str, str]:
    out, talk = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(talk):
        code = cli.run(["sandbox", *arguments])
    return code, out.getvalue(), talk.getvalue()


def test_it_listens_on_loopback_only_and_stopping_leaves_nothing_behind() -> None:
    before = set(threading.enumerate())
    with Sandbox() as running:
        url, port = running.url, urlsplit(running.url).port
        assert requests.get(url).status_code == 200
        # Linux: the whole of 127/8 is this machine; it listens on one address of it.
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", port or 0), timeout=2).close()
    assert set(threading.enumerate()) == before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port or 0), timeout=2).close()
    with Sandbox(port=port or 0) as again:
        assert again.url == url


def test_responses_under_way_do_not_keep_a_sandbox_from_stopping() -> None:
    before = set(threading.enumerate())
    with Sandbox(latency=3600.0) as running:
        port = urlsplit(running.url).port or 0
        waiting = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(4)]
        for client in waiting:
            client.sendall(b"POST /oauth2/token HTTP/1.1\r\nHost: localhost\r\n\r\n")
        while running.requests_seen["/oauth2/token"] < len(waiting):
            threading.Event().wait(0.01)
        began = time.monotonic()
    assert time.monotonic() - began < 3.0
    assert set(threading.enumerate()) == before
    assert [client.recv(1) for client in waiting] == [b""] * 4


def test_a_port_in_use_raises_oserror_and_the_same_keys_come_with_the_same_seed(
    sandbox: Sandbox,
) -> None:
    with pytest.raises(OSError, match="in use"):
        Sandbox(port=urlsplit(sandbox.url).port or 0).start()
    with Sandbox() as twin:
        addresses = {"ENGAGEMENT_API_URL", "ENGAGEMENT_AUTH_URL", "ENGAGEMENT_V2_URL"}
        assert {k: v for k, v in twin.env.items() if k not in addresses} == {
            k: v for k, v in sandbox.env.items() if k not in addresses
        }
        assert Sandbox(seed=2).bearer_token != twin.bearer_token
    with pytest.raises(RuntimeError, match="not running"):
        _ = twin.url


def test_the_index_page_shows_keys_calls_and_what_the_last_requests_got(
    make_sandbox: Callable[..., Sandbox],
) -> None:
    running = make_sandbox(window="sliding")
    assert "None yet" in requests.get(running.url).text
    post(running, "28hr", running.ids("others", 1), ["favorites"])
    post(running, "totals", running.ids("own", 3), ["favorites"])
    text = requests.get(running.url).text
    for needed in (
        "SANDBOX", running.bearer_token, running.accounts[0].access_token, running.url,
        "Forbidden to access tweets", "/insights/engagement/historical", "window = sliding",
    ):  # fmt: skip
        assert needed in text
    assert text.index("engagement/totals</td>") < text.index("engagement/28hr</td>")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"per_minute": 1200}, "Limit: 1,200 requests every 60 seconds"),
        ({"per_minute": None}, "No limit of requests a minute."),
        ({"per_second": 9}, "No more than 9 a second."),
    ],
)
def test_the_index_page_tells_the_limits(
    make_sandbox: Callable[..., Sandbox], options: dict[str, int | None], told: str
) -> None:
    assert told in requests.get(make_sandbox(**options).url).text


def test_counts_in_a_grouping_named_errors_are_not_logged_as_errors(sandbox: Sandbox) -> None:
    headers = {"Authorization": f"Bearer {sandbox.bearer_token}"}
    body = {
        "tweet_ids": sandbox.ids("own", 1),
        "engagement_types": ["favorites"],
        "groupings": {"errors": {"group_by": ["engagement.type"]}},
    }
    url = sandbox.url + "/insights/engagement/totals"
    assert "favorites" in requests.post(url, json=body, headers=headers).json()["errors"]
    assert sandbox.log[-1].note == ""


def test_text_from_requests_is_escaped_on_the_page(make_sandbox: Callable[..., Sandbox]) -> None:
    running = make_sandbox()
    post(running, "totals", ["<script>alert(1)</script>"], ["favorites"])
    text = requests.get(running.url).text
    assert "<script>" not in text
    assert "&lt;script&gt;" in text


def test_the_example_calls_of_the_page_work_as_copied(sandbox: Sandbox, tmp_path: Path) -> None:
    import html
    import shutil

    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    text = html.unescape(requests.get(sandbox.url).text)
    calls = re.findall(r"<pre[^>]*>(curl .*?)</pre>", text, re.DOTALL)
    for call, told in zip(calls, ('"mine"', '"public_metrics"'), strict=True):
        done = subprocess.run(
            ["sh", "-c", call], capture_output=True, text=True, timeout=30, check=True
        )
        assert told in done.stdout


def test_the_truth_has_its_own_path(sandbox: Sandbox) -> None:
    ids = [*sandbox.ids("own", 3), *sandbox.ids("never-existed", 1)]
    truth = sandbox.world.truth(ids)
    got = requests.get(sandbox.url + "/sandbox/truth", params={"ids": ",".join(ids)}).json()
    assert got["sandbox"] is True
    for place, row in enumerate(got["tweets"][:3]):
        assert row["engagements"] == truth.of("engagements")[place]
        counted = sum(row["metrics"][name] for name in got["counted"])
        assert row["engagements"] == counted + sum(row["hidden"].values())
    assert got["tweets"][3] == {"tweet_id": ids[3], "exists": False}
    posted = requests.post(sandbox.url + "/sandbox/truth", json={"ids": ids, "end": "2026-01-01"})
    assert posted.status_code == 200
    for bad in ("ids=x", "ids=1&start=soon", "ids=" + "9" * 30):
        assert requests.get(sandbox.url + "/sandbox/truth?" + bad).status_code == 400


def test_ids_accounts_and_log_are_served_over_http(sandbox: Sandbox) -> None:
    url = sandbox.url + "/sandbox/"
    assert requests.get(url + "ids?kind=video&count=3").json() == sandbox.ids("video", 3)
    assert requests.get(url + "ids?kind=weekly").status_code == 400
    assert requests.get(url + "ids?count=many").status_code == 400
    told = requests.get(url + "accounts").json()
    assert [row["access_token"] for row in told["accounts"]] == [
        account.access_token for account in sandbox.accounts
    ]
    post(sandbox, "totals", ["x"], ["favorites"])
    latest = requests.get(url + "log").json()[0]
    assert (latest["status"], latest["path"]) == (400, "/insights/engagement/totals")
    assert sandbox.requests_seen["totals 400"] >= 1


@pytest.mark.parametrize("kind", ["own", "over-90-days", "never-existed"])
def test_ids_prints_one_id_per_line_as_the_sandbox_lists_them(kind: str, sandbox: Sandbox) -> None:
    code, out, _ = run("ids", "--kind", kind, "--count", "5")
    assert (code, out.split()) == (0, sandbox.ids(kind, 5))
    assert run("ids", "--kind", kind, "--count", "5", "--seed", "2")[1] != out


def test_ids_says_if_there_are_too_few_and_refuses_unknown_kinds() -> None:
    code, out, talk = run("ids", "--count", "900", "--tweets", "100")
    assert code == 0
    assert 0 < len(out.split()) < 100
    assert "only" in talk
    assert run("ids", "--account", "9") == (2, "", "error: --account must be 0 to 2, not 9.\n")
    code, _, talk = run("ids", "--kind", "weekly")
    assert code == 2
    assert all(kind in talk for kind in KINDS)


def test_serve_prints_keys_writes_them_to_a_file_and_stops_at_a_signal(tmp_path: Path) -> None:
    file = tmp_path / "keys.env"
    process = subprocess.Popen(
        [*PROGRAM, "serve", "--port", "0", "--env-file", str(file),
         "--set", "per_minute=7"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    printed = []
    for line in process.stdout:
        printed.append(line.strip())
        if line.startswith("SANDBOX ready"):
            break
    env = dict(line.split("=", 1) for line in file.read_text().splitlines())
    assert file.stat().st_mode & 0o777 == 0o600
    for name, value in env.items():
        assert f"export {name}='{value}'" in printed
    response = requests.post(
        env["ENGAGEMENT_API_URL"] + "/insights/engagement/totals",
        headers={"Authorization": "Bearer " + env["TWITTER_BEARER_TOKEN"]},
    )
    assert response.headers["x-per-minute-limit"] == "7"
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    assert not file.exists()
    process.communicate()


def test_an_env_file_of_a_later_sandbox_is_not_removed(tmp_path: Path) -> None:
    file = tmp_path / "keys.env"
    process = subprocess.Popen(
        [*PROGRAM, "serve", "--port", "0", "--env-file", str(file), "--until-stdin-closes"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    while not process.stdout.readline().startswith("SANDBOX ready"):
        pass
    later = file.read_text().replace("http://127.0.0.1:", "http://127.0.0.1:1")
    file.write_text(later)
    process.communicate()
    assert process.returncode == 0
    assert file.read_text() == later


def test_a_port_in_use_is_one_sentence(sandbox: Sandbox) -> None:
    code, out, talk = run("serve", "--port", str(urlsplit(sandbox.url).port))
    assert code == 1
    assert out == ""
    assert re.fullmatch(
        r"error: 127\.0\.0\.1:\d+: Address already in use\. The port is in use: choose .*\n", talk
    )


def test_an_env_file_with_other_keys_is_never_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "mine.env"
    file.write_text("TWITTER_CONSUMER_KEY=real\n")
    code, _, talk = run("serve", "--port", "0", "--env-file", str(file))
    assert code == 2
    assert "is not from a sandbox" in talk
    assert file.read_text() == "TWITTER_CONSUMER_KEY=real\n"
    assert run("serve", "--env-file", str(tmp_path / "no" / "x.env"))[0] == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["--tweets", "0"], ["--set", "faults=503"], ["--set", "faults={"],
        ["--now", "soon"], ["--set", "per_minute=-4"], ["--accounts", "0"], ["--now", "0001-01-01"],
        ["--now", "9999-12-31"], ["--public-url", "x"], ["--set", "rates=likes=2"],
        ["--set", "window_seconds=0"], ["--set", "bare_numbers=3"], ["--set", "latency=-1"],
        ["--set", "window=rolling"], ["--set", "order"], ["--set", "seed=1"],
        ["--set", "likes=1"], ["--set", "order=mixed", "--set", "order=mixed"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_an_option_that_cannot_be_used_is_named_in_one_sentence(arguments: list[str]) -> None:
    code, out, talk = run("serve", "--port", "0", *arguments)
    assert (code, out) == (2, "")
    assert re.fullmatch(rf"error: .*{arguments[0]}\b.*\n", talk)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--set", 'faults=["boom"]'], "`$.script[0]`. The known faults are 500, "),
        (["--set", 'faults={"paths": {"/x": "boom"}}'], "boom"),
        (["--set", 'faults={"rates": {"503": 7}}'], "Expected `float` <= 1.0 - at `$.rates[...]`"),
        (["--preset", "remembered"], "--preset"), (["--port", "99999"], "--port"),
    ],
)  # fmt: skip
def test_unknown_choices_are_wrong_use(arguments: list[str], named: str) -> None:
    code, _, talk = run("serve", *arguments)
    assert code == 2
    assert named in talk


def test_the_switches_are_listed_with_both_presets() -> None:
    code, out, _ = run("switches")
    assert code == 0
    assert 'hour_without_day = by day; "recorded": hour of day' in out
    assert "order = by text\n" in out
    assert "port" not in out


def test_serve_takes_a_preset_and_switches_and_stops_with_its_program() -> None:
    process = subprocess.Popen(
        [*PROGRAM, "serve", "--port", "0", "--until-stdin-closes", "--preset", "recorded",
         "--set", "gzip=optional", "--set", "others=403", "--set", 'faults=["503"]',
         "--public-url", "https://one.example", "--public-url", "https://two.example"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("SANDBOX ready"):
            break
    url = line.split()[3]
    for host in ("one.example", "two.example:443"):
        text = requests.get(url, headers={"Host": host}).text
    process.communicate(timeout=20)
    assert process.returncode == 0
    for needed in (
        "faults = [&#34;503&#34;]",
        "gzip = optional",
        "limit_headers = full",
        "bare_numbers = 0.02",
    ):
        assert needed in text
    assert "others = " not in text


def test_the_sandbox_imports_nothing_of_the_client() -> None:
    package = Path(__import__("engagement_nb.sandbox").__file__).parent / "sandbox"
    for file in package.glob("*.py"):
        if file.name == "__main__.py":
            continue
        for line in file.read_text().splitlines():
            found = re.match(r"\s*(?:from|import) (engagement_nb[\w.]*)", line)
            if found:
                name = found[1]
                assert name.startswith(("engagement_nb.sandbox", "engagement_nb.apis"))
