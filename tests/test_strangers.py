"""A small version of ``python -m studies.strangers``: the long one damages 20,000 inputs."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import engagement_nb as enb
from engagement_nb.client.credentials.lookup import read_file
from engagement_nb.errors import CredentialsError, InputError
from studies.strangers import run_study


def test_damaged_inputs_of_every_reader_are_read_or_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every reader of somebody else's bytes; of tables, each row and column is used or named."""
    monkeypatch.setenv("ENGAGEMENT_CONFIG_DIR", "")
    result = run_study(220, seed=4)
    assert result.failures == []
    assert {*result.inputs.values()} == {20}
    assert 0.2 < result.read.total() / result.inputs.total() < 0.8


def test_a_study_sees_what_a_reader_must_not_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that are lost, and errors that are none of the package."""
    monkeypatch.setenv("ENGAGEMENT_CONFIG_DIR", "")
    monkeypatch.setattr("studies.strangers._rows_with_content", lambda data: -1)
    monkeypatch.setattr("studies.strangers.read_manifest", lambda path: {}["x"])
    wrong = {name: what for name, _, what in run_study(110, seed=4).failures}
    assert "rows in the file" in wrong["text tables"]
    assert wrong["manifests"] == "KeyError: 'x'"
    assert {*wrong} == {"text tables", "manifests"}


def test_json_nested_deep_in_a_list_of_ids_is_named_without_its_text(tmp_path: Path) -> None:
    deep = "[" * 900 + "]" * 900
    (tmp_path / "ids.json").write_text(
        f'[{{"tweet_id": {deep}}}, {{"tweet_id": "1060000000000000001"}}]'
    )
    ids = enb.read_ids(tmp_path / "ids.json")
    assert ids.ids == ["1060000000000000001"]
    assert ids.problems["tweet_id"].tolist() == ["a list"]


def test_parquet_with_text_that_is_no_utf_8_is_a_damaged_file(tmp_path: Path) -> None:
    bad = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\3\0\0\0"), pa.py_buffer(b"a\x8ab")]
    )
    pq.write_table(pa.table({"tweet_id": bad, "likes": [1]}), tmp_path / "bad.parquet")
    with pytest.raises(InputError, match="is a damaged Parquet file"):
        enb.read_table(tmp_path / "bad.parquet")


def test_a_path_with_a_nul_is_refused() -> None:
    with pytest.raises(InputError, match="cannot be read"):
        enb.read_table("a\0b.csv")


def test_a_file_of_tokens_has_at_most_a_million_bytes(tmp_path: Path) -> None:
    large = tmp_path / "credentials.toml"
    large.write_text("# " + "x" * 1_000_000)
    large.chmod(0o600)
    with pytest.raises(CredentialsError, match="more than a million bytes"):
        read_file(large)


@pytest.mark.parametrize(("reader", "number"), [("XLSX", 1093), ("JSON tables", 1387)])
def test_inputs_that_the_long_study_found_are_refused(
    monkeypatch: pytest.MonkeyPatch, reader: str, number: int
) -> None:
    """A spreadsheet whose parts begin before it does, and a time outside the calendar."""
    monkeypatch.setenv("ENGAGEMENT_CONFIG_DIR", "")
    result = run_study(number + 1, seed=424242, only=reader, number=number)
    assert result.inputs.total() == 1
    assert result.failures == []


def test_a_member_of_json_is_named_without_signs_that_control_a_screen(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"errors": [], "a\\nb\\u001b[2J": 1}')
    with pytest.raises(InputError) as refused:
        enb.read_table(tmp_path / "a.json")
    assert str(refused.value).isprintable()
    assert "it has errors and a" in str(refused.value)
