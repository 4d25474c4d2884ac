"""The guard of handles: a source, a command and a batch warn or refuse before a request."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engagement_nb import connect
from engagement_nb.cli import run
from engagement_nb.errors import InputError
from engagement_nb.sandbox import Sandbox
from engagement_nb.usage import ENV_LEDGER, Contract, HandlesWarning, Ledger


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ENGAGEMENT_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv(ENV_LEDGER, str(tmp_path / "ledger"))


@pytest.fixture
def keys(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """The sandbox as "api", with the tokens of two accounts."""
    for name, value in sandbox.env.items():
        monkeypatch.setenv(name, value)
    account = sandbox.accounts[1]
    monkeypatch.setenv("TWITTER_ACCESS_TOKEN__TWO", account.access_token)
    monkeypatch.setenv("TWITTER_ACCESS_TOKEN_SECRET__TWO", account.access_token_secret)
    return sandbox


@pytest.fixture
def contract_of_one(keys: Sandbox) -> Ledger:
    """A used-up contract of one handle, and the number of the sandbox's requests."""
    ledger = Ledger()
    ledger.contract = Contract(handles=1)
    ledger.record([keys.accounts[0].user_id], sandbox=True)
    return ledger


def test_a_source_refuses_to_exceed_max_handles_before_its_first_request(keys: Sandbox) -> None:
    seen = keys.requests_seen.total()
    with connect("api", profile="default", max_handles=1) as source:
        assert len(source.totals(keys.ids("own", 3))) == 3
    asked = keys.requests_seen.total()
    assert asked > seen
    with (
        connect("api", profile="two", max_handles=1) as source,
        pytest.raises(
            InputError, match=r"nothing was requested\. Fetch the Tweets of fewer owners"
        ),
    ):
        source.historical(keys.ids("own", 3, 1))
    assert keys.requests_seen.total() == asked


def test_a_source_with_a_limit_needs_a_ledger_that_can_be_written(
    keys: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "notes.txt").touch()
    monkeypatch.setenv(ENV_LEDGER, str(tmp_path / "notes.txt" / "ledger"))
    with pytest.raises(InputError, match="cannot be written to"):
        connect("api", max_handles=5)


@pytest.mark.parametrize("dataset", [None, "kept"])
def test_a_fetch_over_the_contract_warns_and_says_so_in_its_notes(
    contract_of_one: Ledger, keys: Sandbox, dataset: str | None
) -> None:
    with (
        connect("api", profile="two", dataset=dataset) as source,
        pytest.warns(HandlesWarning, match="2, but the contract has 1"),
    ):
        metrics = source.historical(keys.ids("own", 3, 1))
    assert any("2, but the contract has 1" in note for note in metrics.about.notes)


def test_a_command_over_the_contract_warns_once(
    contract_of_one: Ledger, keys: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ids.txt").write_text("\n".join(keys.ids("own", 3, 1)))
    fetch = ["fetch", "totals", "--source", "api", "--profile", "two", "--ids", "ids.txt"]
    assert run([*fetch, "-o", "data"]) == 0
    told = capsys.readouterr().err
    assert told.count("2, but the contract has 1") == 1
    assert "UserWarning" not in told


def test_a_batch_checks_the_owners_of_its_whole_manifest_before_its_first_request(
    contract_of_one: Ledger, keys: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each row alone adds one handle at most; the warning counts them together, once."""
    contract_of_one.contract = Contract(handles=2)
    account = keys.accounts[2]
    rows = ["name,source,profile,ids,endpoint"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TWITTER_ACCESS_TOKEN__THREE", account.access_token)
        patch.setenv("TWITTER_ACCESS_TOKEN_SECRET__THREE", account.access_token_secret)
        for number, profile in enumerate(["default", "two", "three"]):
            (tmp_path / f"{profile}.txt").write_text("\n".join(keys.ids("own", 30, number)))
            rows.append(f"{profile},api,{profile},{profile}.txt,totals")
        (tmp_path / "manifest.csv").write_text("\n".join(rows))
        run(["batch", "manifest.csv", "-o", "out", "--workers", "1", "--no-progress"])
    told = capsys.readouterr().err
    assert told.count("This adds up to 2 handles to the 1 of this billing month: 3, but") == 1
    assert told.count("the contract has") == 1
    state = json.loads((tmp_path / "out" / "batch.json").read_text())
    assert len(state["fetched"]) == 3
