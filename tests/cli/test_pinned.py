"""Commands on a sandbox whose world stands still."""

from __future__ import annotations

import pytest

from engagement_nb import cli


def test_a_plan_for_a_pinned_world_ends_at_its_present(capsys: pytest.CaptureFixture[str]) -> None:
    world = ["--seed", "7", "--now", "2026-03-01T12:00:00Z", "--tweets", "3000"]
    assert cli.run(["plan", "historical", *world]) == 0
    assert "2026-02-01 12:00 to 2026-03-01 12:00 UTC" in capsys.readouterr().out


def test_an_invalid_moment_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["plan", "totals", "--now", "soon"]) == 2
    assert "now must be an ISO 8601 moment, not 'soon'." in capsys.readouterr().err
