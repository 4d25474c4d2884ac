"""``python -m studies.strangers``: damaged inputs for every reader of somebody else's bytes.

Good inputs of each kind (tables in every form, lists of ids, responses, sign-ins, datasets,
manifests, files of tokens) get one to four random kinds of damage. Each must be read, or be
refused by an error of this package, within 10 s and 1 GB. Of tables that are read, each row and
column must be used or named. The inputs follow from the seed, the reader and their number.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import random
import resource
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pandas as pd

from engagement_nb import read_ids
from engagement_nb.apis.v2 import V2
from engagement_nb.client import Client, Request
from engagement_nb.client.adapters.v2 import TimelineAdapter, V2Adapter
from engagement_nb.client.credentials import Profile, find_profiles
from engagement_nb.client.credentials.login import login
from engagement_nb.client.credentials.oauth2 import sign_in
from engagement_nb.client.hosts import Hosts
from engagement_nb.client.pacing import Pacer
from engagement_nb.dataset import Dataset
from engagement_nb.errors import EngagementError
from engagement_nb.report.manifest import read_manifest
from engagement_nb.tables import Tables
from tests.client.hostile import responds, serving
from tests.dataset.test_sealing import lacking, part, record
from tests.tables import kinds

MOST_SECONDS, MOST_BYTES = 10.0, 1_000_000_000
_RESERVED = 6 << 30
"""Of addresses, so that an input that takes all memory ends this process and not the machine."""
_STARTS = datetime(2026, 9, 28, tzinfo=UTC)
_TWEET = "1953800000000000001"
_ODD: tuple[Any, ...] = (
    None, True, -1, 0, 1.5, 1e308, 10**30, "", "x", "-5", "1_000", "\uff13", "9" * 5000, "\0",
    "a\nb", "../../x", "2026-13-99T99:99:99Z", [], {}, [[]], [{}], {"id": {}}, {"id": _TWEET},
    "x" * 200_000, ["x"] * 50_000, "DEEP",
)  # fmt: skip
"""What takes the place of a value in a JSON document."""
_SIGNS = (b'"', b",", b"\n", b"\r", b"\0", b"-", b"E+17", b"{", b"]", b"\\", b"\x1b[2J", b"\xff",
          b"'", b"=", b"#", b"&a *a", b": ", b"\xef\xbb\xbf",
          b"[" * 5_000, b"a=" + b"[" * 5_000, b"{" * 5_000)  # fmt: skip


@dataclass
class Result:
    """What became of the inputs.

    Parameters
    ----------
    inputs
        How many, by reader.
    read
        How many of them were read; the others were refused in a sentence.
    failures
        Reader, number and what was wrong.
    peak_megabytes
        The largest memory of the process.
    slowest_seconds
        Processor time of the slowest input, and which it was.
    """

    inputs: Counter[str] = field(default_factory=Counter)
    read: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[str, int, str]] = field(default_factory=list)
    peak_megabytes: int = 0
    slowest_seconds: tuple[float, str] = (0.0, "")


class Strangers:
    """Readers, and good inputs for them; use it in a ``with`` statement."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._answer: list[bytes] = [b""]

    def __enter__(self) -> Strangers:
        self.folder = Path(self._open.enter_context(tempfile.TemporaryDirectory()))
        os.environ["ENGAGEMENT_CONFIG_DIR"] = str(self.folder / "config")
        self.url = self._open.enter_context(serving(self._respond))
        self._dataset = self._fetched()
        self._clients = [
            self._open.enter_context(Client(adapter))
            for adapter in (None, V2Adapter(), TimelineAdapter("2"))
        ]
        self.readers: dict[str, tuple[Callable[[random.Random], bytes], Callable[..., Any]]] = {
            "text tables": (_text_table, self._read_table),
            "JSON tables": (_json_table, self._read_table),
            "XLSX": (lambda draw: _book(draw, "xlsx"), self._read_table),
            "Parquet": (lambda draw: _book(draw, "parquet"), self._read_table),
            "ids": (_ids, self._read_ids),
            "responses": (self._response, self._read_response),
            "responses of v2": (self._response_of_v2, self._read_response_of_v2),
            "sign-ins": (_sign_in, self._read_sign_in),
            "datasets": (self._file_of_dataset, self._read_dataset),
            "manifests": (_manifest, self._read_manifest),
            "tokens": (_tokens, self._read_tokens),
        }
        return self

    def __exit__(self, *raised: object) -> None:
        self._open.close()

    def _respond(self, connection: socket.socket, ended: threading.Event) -> None:
        body, status, headers = self._answer[0], self._status, {}
        if body[:2] == b"\x1f\x8b":
            headers["Content_Encoding"] = "gzip"
        responds(body, status, Connection="close", **headers)(connection, ended)
        connection.shutdown(socket.SHUT_RDWR)

    def _profile(self) -> Profile:
        return Profile("me", Hosts(self.url, self.url), "a key", "a secret", "1-token", "its")

    def _fetched(self) -> list[tuple[str, bytes]]:
        """The files of a dataset with a finished and an unfinished run."""
        folder = self.folder / "dataset"
        dataset = Dataset.create(folder, "sandbox")
        for number in range(2):
            writer = dataset.begin(record(snapshot=str(number)))
            parts = [part(0, 5), part(50, 5)]
            for one in parts:
                writer.put(one)
            if not number:
                writer.close(lacking(*parts), done=True)
        return [
            (str(path.relative_to(folder)), path.read_bytes())
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        ]

    def _file_of_dataset(self, draw: random.Random) -> bytes:
        self._damaged = draw.randrange(len(self._dataset))
        return self._dataset[self._damaged][1]

    def _read_dataset(self, data: bytes, draw: random.Random) -> None:
        folder = self.folder / "damaged"
        shutil.rmtree(folder, ignore_errors=True)
        for number, (name, good) in enumerate(self._dataset):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data if number == self._damaged else good)
        dataset = Dataset.open(folder)
        for run in dataset.runs():
            dataset.read(run.endpoint)
        dataset.begin(record(snapshot="2"))

    def _read_table(self, data: bytes, draw: random.Random) -> None:
        suffix = ".json" if data.lstrip()[:1] in (b"[", b"{") else ".csv"
        path = self._written(data, f"table{suffix}")
        tables = Tables(path)
        metrics, account = tables.metrics(), None
        account = metrics.account
        assert account.balanced, f"rows do not add up: {account}"
        assert account.rows_used == len(metrics), "rows used are not those of the frame"
        for table in tables._files:
            lost = {*table.header} - {*account.metrics, *account.known, *account.not_used, ""}
            assert table.kind not in metrics.about.kind or not lost, f"columns lost: {lost}"
        if suffix == ".csv" and not data.startswith((b"PK", b"PAR1", b"\x1f\x8b")):
            rows = _rows_with_content(data)
            assert "video" in metrics.about.kind or account.rows_in == rows, (
                f"{rows} rows in the file, {account.rows_in} in the account"
            )

    def _written(self, data: bytes, name: str) -> Path:
        path = self.folder / name
        path.write_bytes(data)
        return path

    def _read_ids(self, data: bytes, draw: random.Random) -> None:
        found = read_ids(self._written(data, "ids.txt"))
        assert all(i.isdigit() and 0 < int(i) < 2**63 for i in found.ids)

    def _response(self, draw: random.Random) -> bytes:
        self._by = draw.choice([None, "day", "hour"])
        return _response(draw, self._by)

    def _response_of_v2(self, draw: random.Random) -> bytes:
        self._by = draw.choice([None, None, "day", "hour"])
        return _response_of_v2(draw, period=self._by is not None)

    def _asked_by(self, draw: random.Random) -> Any:
        """What the response is by; now and then something else."""
        return self._by if draw.random() < 0.9 else draw.choice([None, "day", "hour"])

    def _read_response(self, data: bytes, draw: random.Random) -> None:
        by = self._asked_by(draw)
        period: Any = {"start": _STARTS, "end": _STARTS + timedelta(days=2)} if by else {}
        request = Request(
            "historical" if by else "totals", (_TWEET, "2"), ("favorites", "replies"),
            self._profile(), by, auth=draw.choice(["user", "user", "app"]), **period,
        )  # fmt: skip
        self._ask(data, draw, self._clients[0], request)

    def _read_response_of_v2(self, data: bytes, draw: random.Random) -> None:
        by = self._asked_by(draw)
        period: Any = {"start": _STARTS, "end": _STARTS + timedelta(days=2)} if by else {}
        request = Request(
            "historical" if by else "totals", (_TWEET, "2"), ("favorites", "engagements"),
            self._profile(), by, **period,
        )  # fmt: skip
        self._ask(data, draw, self._clients[1 if by else draw.choice([1, 2])], request)

    def _ask(self, data: bytes, draw: random.Random, client: Client, request: Request) -> None:
        self._answer[0] = data
        self._status = draw.choice(
            ["200 OK"] * 6 + ["400 Bad Request", "403 Forbidden", "429 Too Many Requests", "503 No"]
        )
        # One response must not make the next request wait.
        client.pacer = Pacer()
        client.send(request)

    def _read_sign_in(self, data: bytes, draw: random.Random) -> None:
        self._answer[0], self._status = data, draw.choice(["200 OK"] * 4 + ["400 No", "500 No"])
        hosts, quiet = Hosts(self.url, self.url), {"show": lambda text: None}
        if draw.random() < 0.5:
            sign_in(V2, "client", old=self._profile(), hosts=hosts, **quiet)
        else:
            login(
                "me", consumer_key="key", consumer_secret="secret", hosts=hosts,
                ask=lambda question: "1234567", **quiet,
            )  # fmt: skip

    def _read_manifest(self, data: bytes, draw: random.Random) -> None:
        read_manifest(self._written(data, draw.choice(["manifest.csv", "manifest.yaml"])))

    def _read_tokens(self, data: bytes, draw: random.Random) -> None:
        env = draw.random() < 0.5
        folder = self.folder / "place"
        (folder / "config").mkdir(parents=True, exist_ok=True)
        for name in (folder / ".env", folder / "config" / "credentials.toml"):
            name.unlink(missing_ok=True)
        path = folder / ".env" if env else folder / "config" / "credentials.toml"
        path.write_bytes(data)
        path.chmod(0o600)
        before, config = Path.cwd(), os.environ["ENGAGEMENT_CONFIG_DIR"]
        os.environ["ENGAGEMENT_CONFIG_DIR"] = str(folder / "config")
        os.chdir(folder)
        try:
            find_profiles()
        finally:
            os.chdir(before)
            os.environ["ENGAGEMENT_CONFIG_DIR"] = config


def _text_table(draw: random.Random) -> bytes:
    kind = draw.choice(["content", "content", "classic", "daily", "overview", "video"])
    if kind == "video":
        return kinds.VIDEO.format(link=f"https://x.com/club/status/{_TWEET}").encode()
    language = draw.choice([*(k for k in kinds.LAYOUTS[kind] if k not in ("names",)), "made up"])
    head = kinds.made_up(kind) if language == "made up" else kinds.header(kind, language)
    body = kinds.rows(kind, draw.randint(0, 12), seed=draw.randint(0, 99))
    text = kinds.text(head, body, draw.choice(",,,;\t"))
    return ("\ufeff" * draw.randint(0, 1) + text).encode(draw.choice(["utf-8"] * 4 + ["utf-16"]))


def _book(draw: random.Random, form: str) -> bytes:
    body = kinds.rows("content", draw.randint(1, 8), seed=draw.randint(0, 99))
    frame = pd.DataFrame(body, columns=kinds.header("content"))
    frame[frame.columns[4:]] = frame[frame.columns[4:]].astype(int)
    out = io.BytesIO()
    if form == "xlsx":
        frame.to_excel(out, index=False)
    else:
        frame.to_parquet(out)
    return out.getvalue()


def _json_table(draw: random.Random) -> bytes:
    forms = [_response_of_v2(draw), _records(draw)]
    lines = b"\n".join(_response_of_v2(draw) for _ in range(3))
    return draw.choice([*forms, lines, b"[" + forms[0] + b"," + _response_of_v2(draw) + b"]"])


def _records(draw: random.Random) -> bytes:
    rows = [
        {"tweet_id": str(10**18 + i), "favorites": draw.randint(0, 9), "engagements": 20}
        for i in range(draw.randint(1, 5))
    ]
    return json.dumps(rows).encode()


def _ids(draw: random.Random) -> bytes:
    ids = [str(1_950_000_000_000_000_000 + draw.randrange(10**15)) for _ in range(8)]
    tweets = [{"tweet": {"id_str": i, "full_text": "a \\ b", "user": {"id": 5}}} for i in ids]
    return draw.choice(
        [
            "\n".join(ids),
            "# mine\nhttps://x.com/club/status/" + "\nhttps://x.com/club/status/".join(ids),
            "Tweet id,author_id,text\n" + "".join(f'{i},5,"a, b"\n' for i in ids),
            json.dumps(ids),
            json.dumps({"data": [{"id": i} for i in ids]}),
            "\n".join(json.dumps({"id_str": i}) for i in ids),
            "window.YTD.tweets.part0 = " + json.dumps(tweets, indent=1),
        ]
    ).encode(draw.choice(["utf-8"] * 4 + ["utf-16"]))


def _response(draw: random.Random, by: str | None) -> bytes:
    count: Any = draw.choice(["3", 3])
    figures: Any = {
        None: count,
        "day": {"2026-09-28": count},
        "hour": {"2026-09-28": {f"{h:02}": count for h in range(24)}},
    }[by]
    answer = {
        "start": "2026-09-28T00:00:00Z",
        "end": "2026-09-30T00:00:00Z",
        "metrics": {i: {"favorites": figures, "replies": figures} for i in (_TWEET, "2")},
        "unavailable_tweet_ids": ["2"],
    }
    refused = {"errors": ["Forbidden to access tweets: [2]", {"message": "no", "code": 88}]}
    bearer = {"token_type": "bearer", "access_token": "AAAA"}
    return json.dumps(draw.choice([answer] * 6 + [refused, bearer])).encode()


def _response_of_v2(draw: random.Random, *, period: bool | None = None) -> bytes:
    group = {"like_count": 3, "url_link_clicks": 1, "engagements": 8, "impression_count": 100}
    error = {
        "resource_id": "2", "parameter": "ids", "title": "Not Found Error", "detail": "no",
        "type": "https://api.x.com/2/problems/resource-not-found",
    }  # fmt: skip
    bucket = {"timestamp": "2026-09-28T00:00:00Z", "metrics": {"likes": 3, "engagements": 8}}
    post = {"id": _TWEET, "text": "a", "created_at": "2025-08-08T12:46:34.000Z"}
    forms: list[dict[str, Any]] = [
        {"data": [post | {"public_metrics": group, "non_public_metrics": group}]},
        {"data": [{"id": _TWEET, "timestamped_metrics": [bucket]}], "errors": [error]},
        {"data": {"id": _TWEET, "likes": 3, "engagements": 8, "timestamped_metrics": [bucket]}},
        {"errors": [error], "title": "x", "type": "about:blank", "status": 429},
        {"data": [{"measurement": {"metrics_total": [{"tweet_id": _TWEET, "value": [
            {"metric_type": "Likes", "metric_value": 3},
            {"metric_type": "Engagements", "metric_value": 8}]}]}}]},
    ]  # fmt: skip
    if period is not None and draw.random() < 0.8:
        forms = forms[1:3] if period else forms[:1]
    return json.dumps(draw.choice(forms) | {"meta": {"next_token": "abc"}}).encode()


def _sign_in(draw: random.Random) -> bytes:
    tokens = {"token_type": "bearer", "access_token": "a", "refresh_token": "b", "expires_in": 7200}
    user = {"data": {"id": "5", "username": "club"}}
    refused = {"error": "invalid_grant", "error_description": "no"}
    form = b"oauth_token=a&oauth_token_secret=b&screen_name=club&user_id=5"
    documents = [json.dumps(one).encode() for one in (tokens, tokens, tokens | user, refused)]
    return draw.choice([*documents, form, form])


def _manifest(draw: random.Random) -> bytes:
    return draw.choice(
        [
            b"name,source,count,period\none,sandbox,50,last week\ntwo,sandbox,60,\n",
            b"name;title;export\na;A;x.csv\n",
            b"defaults:\n  source: sandbox\nreports:\n- name: one\n  by: day\n- name: two\n",
            b"- name: one\n  source: sandbox\n  posted: &a 2026-01\n- {name: b, posted: *a}\n",
        ]
    )


def _tokens(draw: random.Random) -> bytes:
    return draw.choice(
        [
            b"TWITTER_CONSUMER_KEY=a\nexport TWITTER_CONSUMER_SECRET='b c'\n"
            b'TWITTER_ACCESS_TOKEN__CLUB="1-a"\n# x\nTWITTER_ACCESS_TOKEN_SECRET__CLUB=d\n',
            b'[app]\nconsumer_key = "a"\nconsumer_secret = "b"\n'
            b'[profiles.club]\naccess_token = "1-a"\naccess_token_secret = "c"\n'
            b'api_url = "http://127.0.0.1:1"\n',
        ]
    )


def damaged(data: bytes, draw: random.Random) -> bytes:
    """The same input with one to four random kinds of damage."""
    for _ in range(draw.choice([1, 1, 2, 4])):
        at = draw.randrange(len(data) + 1)
        match draw.randrange(11):
            case 0:
                data = data[:at]
            case 1:
                data = data[:at] + bytes([draw.randrange(256)]) + data[at + 1 :]
            case 2:
                data = data[:at] + draw.choice(_SIGNS) + data[at:]
            case 3:
                data = data[:at] + data[at + draw.randint(1, 40) :]
            case 4:
                lines = data.splitlines(keepends=True)
                draw.shuffle(lines)
                data = b"".join(lines)
            case 5 if len(data) < 1_000_000:
                data += data
            case 6:
                data = data.replace(b"\r\n", draw.choice([b"\n", b"\r\n\r\n", b"\r"]))
            case 7:
                data = data.replace(b"0", draw.choice([b"", b"1.0", b"0,0", b"-", b"x"]), 3)
            case 8 if draw.random() < 0.05 and len(data) < 1_000_000:
                piece = data[at : at + draw.randint(1, 30)]
                data = data[:at] + piece * draw.choice([1_000, 100_000, 500_000]) + data[at:]
            case _:
                data = _odd_value(data, draw)
    return gzip.compress(data, 1) if draw.random() < 0.04 else data


def _odd_value(data: bytes, draw: random.Random) -> bytes:
    """A JSON document with an odd value somewhere; other inputs as they are."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return data
    place, parent = document, None
    key: Any = None
    while isinstance(place, dict | list) and place and (parent is None or draw.random() < 0.8):
        parent = place
        key = draw.choice([*place]) if isinstance(place, dict) else draw.randrange(len(place))
        place = place[key]
    odd = draw.choice(_ODD)
    if draw.random() < 0.5 and str(place).isdigit():
        # A document that can still be read.
        odd = type(place)(draw.randrange(10 ** draw.randint(1, 19)))
    if parent is None:
        document = odd
    elif isinstance(parent, dict) and draw.random() < 0.2:
        parent[str(draw.choice(_ODD))[:1_000]] = parent.pop(key)
    else:
        parent[key] = odd
    deep = "[" * draw.choice([100, 900, 1_020, 5_000])
    text = json.dumps(document, ensure_ascii=draw.random() < 0.5)
    return text.replace('"DEEP"', deep + "]" * len(deep)).encode(errors="replace")


def _rows_with_content(data: bytes) -> int:
    """Number of rows below the header that are not empty, counted by another reader."""
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    text = data.decode(encoding, "replace").lstrip()
    first = text.replace("\r", "\n").split("\n", 1)[0]
    delimiter = max(",;\t", key=lambda sign: len(next(csv.reader([first], delimiter=sign), [])))
    csv.field_size_limit(1 << 30)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    return sum(any(cell.strip() for cell in row) for row in rows) - 1


def run_study(inputs: int, *, seed: int = 1, only: str = "", number: int = -1) -> Result:
    """Give each reader its share of damaged inputs, in this process.

    Parameters
    ----------
    inputs
        How many in all.
    seed
        Of the inputs.
    only, number
        A reader, and one of its inputs, to see a failure again.
    """
    result = Result()
    with Strangers() as strangers:
        names = [name for name in strangers.readers if only in ("", name)]
        for count in range(inputs):
            name, of_reader = names[count % len(names)], count // len(names)
            if number in (-1, of_reader):
                _one(strangers, name, of_reader, seed, result, again=number >= 0)
    return result


def _one(
    strangers: Strangers, name: str, number: int, seed: int, result: Result, *, again: bool
) -> None:
    draw = random.Random(f"{seed} {name} {number}")
    make, read = strangers.readers[name]
    data = damaged(make(draw), draw)
    began = time.process_time()
    result.inputs[name] += 1
    try:
        read(data, draw)
        result.read[name] += 1
    except EngagementError as error:
        said = str(error)
        if not said.strip() or (name != "manifests" and "\n" in said) or "\x1b" in said:
            result.failures.append((name, number, f"not a sentence: {said[:200]!r}"))
    except Exception as error:
        if again:
            raise
        result.failures.append((name, number, f"{type(error).__name__}: {str(error)[:200]}"))
    seconds = time.process_time() - began
    result.slowest_seconds = max(result.slowest_seconds, (seconds, f"{name} {number}"))
    if seconds > MOST_SECONDS:
        result.failures.append((name, number, f"took {seconds:.0f} s"))
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    if peak > MOST_BYTES >= result.peak_megabytes * 1_000_000:
        result.failures.append((name, number, f"took {peak / 1e6:.0f} MB"))
    result.peak_megabytes = max(result.peak_megabytes, peak // 1_000_000)


@click.command()
@click.option("--inputs", default=20_000, show_default=True, help="Damaged inputs in all.")
@click.option("--seed", default=1, show_default=True, help="Seed of the inputs.")
@click.option("--only", default="", help="One reader.")
@click.option("--number", default=-1, help="One of its inputs, with its traceback.")
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")
@click.pass_context
def strangers(
    ctx: click.Context, inputs: int, seed: int, only: str, number: int, as_json: bool
) -> None:
    """Give every reader damaged inputs: is each read or refused, within time and memory."""
    resource.setrlimit(resource.RLIMIT_AS, (_RESERVED, _RESERVED))
    result = run_study(inputs, seed=seed, only=only, number=number)
    if as_json:
        click.echo(json.dumps(asdict(result)))
    else:
        for name, count in result.inputs.items():
            click.echo(f"{name:18}{count:>7,} inputs, {result.read[name]:>6,} read")
        click.echo(f"peak {result.peak_megabytes:,} MB; slowest {result.slowest_seconds}")
        for failure in result.failures[:30]:
            click.echo(f"FAILED {failure}")
        click.echo(f"{len(result.failures)} failures")
    if result.failures:
        ctx.exit(1)


if __name__ == "__main__":
    strangers()
