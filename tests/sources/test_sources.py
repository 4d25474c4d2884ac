"""Sources: the sandbox, the API, export files and datasets have the same methods."""

from __future__ import annotations

import asyncio
import csv
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell

from engagement_nb import connect
from engagement_nb.apis.engagement import ENDPOINTS
from engagement_nb.apis.times import tweet_time
from engagement_nb.cli import run
from engagement_nb.client import Request
from engagement_nb.dataset import Dataset
from engagement_nb.errors import ConnectionTroubleError, CredentialsError, InputError
from engagement_nb.metrics import Metrics
from engagement_nb.metrics.problems import tweets_missing
from engagement_nb.sandbox import Sandbox
from tests.client.hostile import drips_body, serving
from tests.fetch.fetching import account_for_each, same


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without keys or files of whoever runs the tests."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ENGAGEMENT_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("ENGAGEMENT_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("ENGAGEMENT_LEDGER", str(tmp_path / "ledger"))
    for name in ("CONSUMER_KEY", "CONSUMER_SECRET", "ACCESS_TOKEN", "ACCESS_TOKEN_SECRET",
                 "BEARER_TOKEN"):  # fmt: skip
        monkeypatch.delenv(f"TWITTER_{name}", raising=False)
    monkeypatch.delenv("ENGAGEMENT_API_URL", raising=False)


@pytest.fixture
def with_keys(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """Keys in the environment, as users have them."""
    for name, value in sandbox.env.items():
        monkeypatch.setenv(name, value)
    return sandbox


def test_three_lines_give_a_frame() -> None:
    source = connect("sandbox", tweets=2_000)
    ids = source.tweet_ids(count=50)
    metrics = source.totals(ids)
    assert metrics.about.sandbox
    assert list(metrics.frame["tweet_id"]) == ids
    assert metrics.metric_names == list(ENDPOINTS["totals"].metrics)
    assert "SANDBOX" in repr(metrics)
    assert "SANDBOX" in repr(source)
    source.close()


def test_the_sandbox_offers_a_sample_for_every_call() -> None:
    with connect("sandbox") as source:
        totals = source.totals()
        assert len(totals) == len(source.tweet_ids()) == 500
        assert totals.frame[totals.metric_names].notna().all(axis=None)
        day = source.historical(by="day")
        assert day.frame["time"].nunique() == 28
        assert len(day.problems) == 0 or set(day.problems["reason"]) == {"posted later"}
        recent = source.last_28_hours(by="hour")
        assert recent.about.start is not None
        assert (recent.frame["time"] >= recent.about.start).all()


def test_a_profile_of_the_sandbox_lists_its_own_tweets() -> None:
    with connect("sandbox", tweets=2_000, profile="sandbox_birch_2") as source:
        ids = source.tweet_ids(count=20)
        metrics = source.last_28_hours(ids)
        assert list(metrics.frame["tweet_id"]) == ids
        assert not source.plan(ids, "28hr").hints


def test_it_works_within_a_running_event_loop() -> None:
    """Jupyter's kernel runs an event loop."""

    async def cell() -> int:
        with connect("sandbox", tweets=2_000) as source:
            return len(source.last_28_hours(source.tweet_ids(count=30)))

    assert asyncio.run(cell()) == 30


def test_a_running_sandbox_named_by_the_environment_is_used(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENGAGEMENT_API_URL", sandbox.url)
    with connect("sandbox") as source:
        assert source.url == sandbox.url
        assert source.tweet_ids("deleted", 3) == sandbox.ids("deleted", 3)
        with pytest.raises(InputError, match="rubbish"):
            source.tweet_ids("rubbish")
    monkeypatch.setenv("ENGAGEMENT_API_URL", "http://127.0.0.1:9")
    with connect("sandbox", tweets=100) as source:
        assert source.url != "http://127.0.0.1:9"


def test_the_api_without_keys_says_what_to_do() -> None:
    with pytest.raises(CredentialsError, match="auth login"):
        connect("api")


def test_figures_from_this_machine_are_labelled_whatever_the_source_is_called(
    with_keys: Sandbox,
) -> None:
    with connect("api") as source:
        assert source.totals(with_keys.ids("own", 3)).about.sandbox
        with pytest.raises(InputError, match="cannot list its Tweets"):
            source.totals()


@pytest.mark.parametrize("kind", ["nowhere.csv", "apis", "no/such/folder"])
def test_an_unknown_source_is_one_clear_error(kind: str) -> None:
    with pytest.raises(InputError, match="no source"):
        connect(kind)


def test_bounds_of_a_response_given_to_connect_reach_the_client(
    with_keys: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def send_with(**options: float) -> None:
        with connect("api", **options) as source:  # type: ignore[arg-type]
            ids = tuple(with_keys.ids("own", 5))
            source.client.send(Request("totals", ids, ("favorites",), source.profiles[0]))

    with pytest.raises(ConnectionTroubleError, match="larger than"):
        send_with(max_bytes=10)
    with serving(drips_body) as url:
        monkeypatch.setenv("ENGAGEMENT_API_URL", url)
        with pytest.raises(ConnectionTroubleError, match=r"within 0\.2 s"):
            send_with(deadline=0.2)


def test_a_misspelt_metric_in_a_cell_is_one_sentence_without_a_traceback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    shell = InteractiveShell()
    shell.run_cell(
        "import engagement_nb as enb\n"
        "enb.connect('sandbox', tweets=50).totals(metrics=['favouritez'])",
        silent=True,
    )
    shown = capsys.readouterr()
    assert (shown.out + shown.err).strip() == (
        'InputError: There is no metric "favouritez". Did you mean favorites?'
    )


def test_metrics_have_head_to_frame_and_to_csv_like_pandas(tmp_path: Path) -> None:
    with connect("sandbox", tweets=50) as source:
        metrics = source.totals()
    owned = Metrics(metrics.frame.assign(text="=1+1"), metrics.problems, metrics.about)
    assert owned.head(3).equals(owned.frame.head(3))
    copy = owned.to_frame()
    copy["favorites"] = 0
    assert copy["favorites"].sum() < owned.frame["favorites"].sum()
    owned.to_csv(tmp_path / "figures.csv")
    kept = pd.read_csv(tmp_path / "figures.csv", dtype={"tweet_id": "string"})
    assert kept["tweet_id"].tolist() == owned.frame["tweet_id"].tolist()
    assert kept["favorites"].tolist() == owned.frame["favorites"].tolist()
    assert kept["text"].unique().tolist() == ["'=1+1"]


def test_world_options_belong_to_the_sandbox_only() -> None:
    with pytest.raises(InputError, match="Engagement API has no option seed"):
        connect("api", seed=3)
    with pytest.raises(InputError, match=r"has no option colour\. It has: preset, seed"):
        connect("sandbox", colour="red")
    with pytest.raises(InputError, match="no account"):
        connect("sandbox", profile="nobody", tweets=100)


def test_a_source_with_a_dataset_keeps_what_it_fetches(tmp_path: Path) -> None:
    with connect("sandbox", dataset=tmp_path / "ds", tweets=2_000) as source:
        ids = source.tweet_ids(count=30)
        given = [*ids, "not an id"]
        metrics = source.historical(given, by="day")
        account_for_each(metrics, given)
        assert list(metrics.frame["tweet_id"].unique()) == ids
    with connect(tmp_path / "ds") as kept:
        assert kept.sandbox
        again = kept.historical(by="day")
        same(again.frame, metrics.frame)
        assert set(kept.tweet_ids()) == set(ids)
        some = kept.historical([*ids[:3], "1234567890123456789"], by="day")
        assert some.frame["tweet_id"].nunique() == 3
        assert list(some.problems["reason"]) == ["not in this source"]


def test_an_export_file_is_a_source(tmp_path: Path) -> None:
    path = tmp_path / "account_analytics_content_2026-01-01_2026-01-31.csv"
    header = ["Post id", "Date", "Post text", "Post Link", "Impressions", "Likes", "Engagements",
              "Bookmarks", "Shares", "New follows", "Replies", "Reposts", "Profile visits",
              "Detail Expands", "URL Clicks", "Hashtag Clicks", "Permalink Clicks"]  # fmt: skip
    rows = [[f"201000000000000000{n}", "Mon Jan 05 2026", "words", "https://x.com/i/status/1",
             "100", "5", "9", *["1"] * 10] for n in range(4)]  # fmt: skip
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    with connect(path) as source:
        assert source.name == "export"
        assert not source.sandbox
        whole = source.totals()
        assert len(whole) == 4
        some = source.totals([rows[1][0], "999"], metrics=["favorites"])
        assert list(some.frame["tweet_id"]) == [rows[1][0]]
        assert some.metric_names == ["favorites"]
        assert list(some.problems["reason"]) == ["not in this source"]
        with pytest.raises(InputError, match="cannot tell when people engaged"):
            source.historical()
        with pytest.raises(InputError, match="does not have app_opens"):
            source.totals(metrics=["app_opens"])


def test_gather_returns_the_most_detailed_figures_and_totals(tmp_path: Path) -> None:
    with connect("sandbox", tweets=2_000, dataset=tmp_path / "ds") as source:
        ids = source.tweet_ids(count=5)
        figures, totals = source.gather(ids, by="hour")
        assert (figures.about.endpoint, figures.about.by) == ("historical", "hour")
        assert totals is not None
        assert totals.about.endpoint == "totals"
        assert source.gather(ids, endpoint="totals")[1] is None
        with pytest.raises(InputError, match="no endpoint 'weekly'"):
            source.gather(ids, endpoint="weekly")
        assert source.earlier_snapshot("totals") is None
        for label in ("monday", "tuesday"):
            source.fetch_into(
                Dataset.create(tmp_path / "ds", "sandbox"), "totals", ids, snapshot=label
            )
    kept = connect(tmp_path / "ds")
    figures, totals = kept.gather()
    assert kept.earlier_snapshot("historical") is None
    assert (figures.about.endpoint, figures.about.by) == ("historical", "hour")
    assert totals is not None
    earlier = kept.earlier_snapshot("totals")
    assert earlier is not None
    assert set(earlier.frame["tweet_id"]) == set(ids)


# --- the command line


def ids_file(tmp_path: Path, ids: list[str]) -> str:
    path = tmp_path / "ids.txt"
    path.write_text("\n".join(ids))
    return str(path)


def test_plan_shows_the_price_and_sends_nothing(
    with_keys: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = with_keys.requests_seen.total()
    file = ids_file(tmp_path, [*with_keys.ids("own", 60), "oops"])
    arguments = ["plan", "28hr", "--ids", file, "--source", "api"]
    assert run(arguments) == 0
    talk = capsys.readouterr().out
    assert "SANDBOX" in talk
    assert "3" in talk
    assert "not a Tweet id" in talk
    assert run([*arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["requests"], found["tweets"], found["sandbox"]) == (3, 60, True)
    assert found["handles"] == [with_keys.accounts[0].user_id]
    assert with_keys.requests_seen.total() == before


def test_fetch_writes_a_dataset_and_says_what_is_missing(
    with_keys: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own, gone = with_keys.ids("own", 30), with_keys.ids("deleted", 2)
    file = ids_file(tmp_path, [*own, *gone])
    arguments = ["fetch", "totals", "--ids", file, "--source", "api", "-o", str(tmp_path / "ds")]
    assert run([*arguments, "--json"]) == 0
    out, talk = capsys.readouterr()
    found = json.loads(out)
    assert (found["tweets"], found["missing"], found["done"]) == (30, 2, True)
    assert "2 Tweets: unavailable" in talk
    assert run([*arguments, "--strict"]) == 3
    assert len(Dataset.open(tmp_path / "ds").runs()) >= 1
    frame = Dataset.open(tmp_path / "ds").read("totals").frame
    assert set(frame["tweet_id"]) == set(own)


@pytest.mark.parametrize("by", ["day", None])
def test_a_refused_part_of_the_period_is_missing(
    make_sandbox: Callable[..., Sandbox], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], by: str | None,
) -> None:  # fmt: skip
    """Days that all Tweets lack end in exit code 3 under --strict, and in no sums."""
    sandbox = make_sandbox(lookback_days=365)
    for name, value in sandbox.env.items():
        monkeypatch.setenv(name, value)
    now = datetime.now(UTC)
    start, end = (str((now - timedelta(days=days)).date()) for days in (430, 330))
    ids = [i for i in sandbox.ids("over-90-days", 4_000) if tweet_time(i) < now - timedelta(430)]
    period = ["--start", start, "--end", end, *(["--by", by] if by else [])]
    arguments = ["fetch", "historical", "--ids", ids_file(tmp_path, ids[:10]), *period, "--source",
                 "api", "--json", "--strict", "-o", str(tmp_path / "ds")]  # fmt: skip
    assert run(arguments) == 3
    out, talk = capsys.readouterr()
    found = json.loads(out)
    read = Dataset.open(tmp_path / "ds").read()
    scope, counts = ("period", (10, 0, 10)) if by else ("tweet", (0, 10, 0))
    assert (found["tweets"], found["missing"], found["partial"]) == counts
    assert read.frame["tweet_id"].nunique() == counts[0]
    assert found["problems"] == [{"reason": "refused", "scope": scope, "tweets": 10}]
    assert set(read.problems["scope"]) == {scope}
    # Three of the four windows reach back too far, and each is named.
    assert len(read.problems) == (30 if by else 10)
    assert talk.rstrip().endswith(f"10 Tweets: refused{' (part of the period)' if by else ''}")
    facts = read.facts()
    assert tweets_missing(facts["problems"]) == 10


def test_an_interrupted_fetch_resumes(
    make_sandbox: Callable[..., Sandbox], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Tokens that die midway give exit code 1; with new ones the command requests the rest."""
    sandbox = make_sandbox()
    for name, value in sandbox.env.items():
        monkeypatch.setenv(name, value)
    account = sandbox.accounts[1]
    monkeypatch.setenv("TWITTER_ACCESS_TOKEN__TWO", account.access_token)
    monkeypatch.setenv("TWITTER_ACCESS_TOKEN_SECRET__TWO", account.access_token_secret)
    one, two = sandbox.ids("own", 30, 0), sandbox.ids("own", 30, 1)
    sandbox.keys.revoke(account.access_token)
    arguments = ["fetch", "28hr", "--ids", ids_file(tmp_path, [*one, *two]), "--source", "api",
                 "-o", str(tmp_path / "ds")]  # fmt: skip
    assert run(arguments) == 1
    talk = capsys.readouterr().err
    assert "30 Tweets: not authenticated" in talk
    assert "Rerun the command" in talk
    sandbox.keys.restore()
    before = sandbox.requests_seen["28hr"]
    assert run(arguments) == 0
    assert sandbox.requests_seen["28hr"] - before <= 3
    dataset = Dataset.open(tmp_path / "ds")
    assert len({run.snapshot for run in dataset.runs()}) == 1
    assert set(dataset.read().frame["tweet_id"]) == {*one, *two}


def test_totals_of_expired_user_tokens_are_not_fetched_as_another_user(
    make_sandbox: Callable[..., Sandbox], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Dead user tokens leave public metrics and exit code 1; new ones get the rest."""
    sandbox = make_sandbox()
    for name, value in sandbox.env.items():
        monkeypatch.setenv(name, value)
    own, others = sandbox.ids("own", 30), sandbox.ids("others", 20)
    sandbox.keys.revoke(sandbox.accounts[0].access_token)
    arguments = ["fetch", "totals", "--ids", ids_file(tmp_path, [*own, *others]), "--source",
                 "api", "-o", str(tmp_path / "ds")]  # fmt: skip
    assert run(arguments) == 1
    talk = capsys.readouterr().err
    assert "50 Tweets: not authenticated (some metrics)" in talk
    assert "access token" in talk
    sandbox.keys.restore()
    assert run(arguments) == 0
    assert "20 Tweets: needs the owner's tokens (some metrics)" in capsys.readouterr().err
    dataset = Dataset.open(tmp_path / "ds")
    assert len({run.snapshot for run in dataset.runs()}) == 1
    frame = dataset.read().frame.set_index("tweet_id")
    assert len(frame) == 50
    assert frame.loc[own, "engagements"].notna().all()
    assert frame.loc[others, "engagements"].isna().all()
    assert frame["favorites"].notna().all()


def test_an_interrupted_fetch_says_what_is_kept_and_how_to_resume(
    with_keys: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    def interrupt(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("engagement_nb.sources.api.Run.go", interrupt)
    file = ids_file(tmp_path, with_keys.ids("own", 3))
    assert run(["fetch", "totals", "--ids", file, "-o", str(tmp_path / "ds")]) == 130
    talk = capsys.readouterr().err
    assert f"Finished requests are kept in {tmp_path / 'ds'}. Rerun the command" in talk


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["plan", "totals", "--ids", "missing.txt"], 2, "no such file"),
        (["plan", "totals", "--source", "api"], 2, "needs --ids"),
        (["plan", "weekly"], 2, "weekly"),
        (["plan", "historical", "--start", "soon"], 2, "not a date"),
        (["fetch", "totals", "-o", "/proc/none", "--source", "sandbox"], 1, "cannot be written"),
        (["plan", "totals", "--max-handles", "0"], 2, "max_handles"),
        (["plan", "totals", "--max-handles", "-1"], 2, "not in the range"),
        (["plan", "totals", "--ids", ""], 2, "'--ids': it is empty"),
        (["fetch", "totals", "-o", ""], 2, "'-o' / '--out': it is empty"),
        (["fetch", "totals", "-o", "memory://x"], 2, "lost when the command ends"),
        (
            ["fetch", "totals", "-o", "dir:///tmp/x"],
            1,
            "dir:///tmp/x cannot be used as an address. Give",
        ),
        (["plan", "historical", "--start", "0001-01-01T00:00+09:00"], 2, "outside of the years"),
        (["usage", "--ledger", "dir:///tmp/x"], 2, "cannot be used as an address. Check"),
        (["usage", "--json", "--export", "-"], 2, "choose one"),
    ],
)
def test_mistakes_are_one_sentence_and_an_exit_code(
    arguments: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == code
    talk = capsys.readouterr().err
    assert words in talk
    assert "Traceback" not in talk
    assert "is kept" not in talk


def test_a_dataset_reads_as_plain_parquet(with_keys: Sandbox, tmp_path: Path) -> None:
    """The files can be read without this package."""
    with connect("api", dataset=tmp_path / "ds") as source:
        source.totals(with_keys.ids("own", 20))
    frame = pd.read_parquet(tmp_path / "ds" / "runs")
    assert len(frame) == 20
    assert {"tweet_id", "read_at", "favorites"} <= set(frame.columns)


def test_a_period_by_name_is_fetched_planned_and_read_back_with_the_same_dates(
    tmp_path: Path,
) -> None:
    asked = {"period": "last week", "zone": "Asia/Tokyo"}
    with connect("sandbox", now="2026-11-18T08:00Z", dataset=tmp_path / "data") as source:
        ids = source.tweet_ids("own", 30)
        fetched = source.historical(ids, by="day", **asked).about
        planned = source.plan(ids, "historical", by="day", **asked)
        with pytest.raises(InputError, match="two ways"):
            source.historical(ids, start="2026-11-01", **asked)
    assert (fetched.start, fetched.end) == planned.question.period
    assert fetched.start == datetime(2026, 11, 8, 15, tzinfo=UTC)
    assert fetched.end == datetime(2026, 11, 15, 15, tzinfo=UTC)


def test_one_of_two_weeks_in_a_dataset_can_be_read(tmp_path: Path) -> None:
    with connect("sandbox", now="2026-11-18T08:00Z", dataset=tmp_path / "data") as source:
        ids = source.tweet_ids("own", 30)
        weeks = [("2026-11-02", "2026-11-09"), ("2026-11-09", "2026-11-16")]
        both = [source.historical(ids, start, end, by="day") for start, end in weeks]
    for (start, end), fetched in zip(weeks, both, strict=True):
        read = connect(tmp_path / "data").historical(None, start, end, by="day")
        assert (read.about.start, read.about.end) == (fetched.about.start, fetched.about.end)
        same(read.frame, fetched.frame)


def test_a_table_has_no_kinds_of_tweets() -> None:
    """The kind was accepted and ignored."""
    source = connect(pd.DataFrame({"likes": [1, 2], "engagements": [3, 4]}))
    assert source.tweet_ids() == source.tweet_ids("own")
    with pytest.raises(InputError, match="kind='deleted' has no effect: only a sandbox"):
        source.tweet_ids("deleted")
