"""A small version of ``python -m studies.strangers``: the long one damages 20,000 inputs."""

from __future__ import annotations

import pytest

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
