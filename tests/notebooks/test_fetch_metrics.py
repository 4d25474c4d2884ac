"""01_fetch_metrics.ipynb: on the sandbox, with lists, with what is wrong.

The first is done by stock papermill, and the others by this package's engine, which is quicker.
"""

from __future__ import annotations

import papermill
import pytest
from papermill.exceptions import PapermillExecutionError

import engagement_nb as enb
from engagement_nb.engine import ENGINE
from engagement_nb.metrics import handed_over
from engagement_nb.report.notebooks import FETCH, notebooks_folder

pytestmark = pytest.mark.notebook


def execute(tmp_path, engine_name=ENGINE, **parameters):
    given = {"dataset": str(tmp_path / "dataset"), **parameters}
    return papermill.execute_notebook(
        str(notebooks_folder() / FETCH),
        str(tmp_path / "out.ipynb"),
        given,
        engine_name=engine_name,
        progress_bar=False,
    )


def test_it_keeps_what_it_fetches_and_tells_what_it_could_not(tmp_path):
    """The dataset has the figures shown; the problems name deleted Tweets and others' ones."""
    facts = handed_over(execute(tmp_path, engine_name=None, count=40))["metrics"]
    kept = enb.Dataset.open(tmp_path / "dataset")
    assert facts["source"] == "sandbox"
    assert kept.read("historical", by="day").frame["tweet_id"].nunique() == facts["tweets"]
    assert len(kept.read("totals").frame) > 0
    reasons = {row["reason"]: row for row in facts["problems"]}
    assert {"unavailable", "not yours"} <= reasons.keys()
    assert reasons["unavailable"]["advice"]


def test_a_list_of_ids_is_asked_for_as_it_is(tmp_path, make_sandbox, monkeypatch):
    """Each id once; totals have no period."""
    sandbox = make_sandbox(tweets=100)
    for name, value in sandbox.env.items():
        monkeypatch.setenv(name, value)
    own = sandbox.ids("own", 5)
    (tmp_path / "ids.txt").write_text("\n".join([*own, own[0]]))
    ids = str(tmp_path / "ids.txt")
    facts = handed_over(execute(tmp_path, endpoint="totals", ids_file=ids))["metrics"]
    assert (facts["endpoint"], facts["tweets"]) == ("totals", 5)


def test_the_api_wants_ids(tmp_path, monkeypatch):
    """It cannot list Tweets; the notebook says so in a sentence."""
    for name in ("CONSUMER_KEY", "CONSUMER_SECRET", "ACCESS_TOKEN", "ACCESS_TOKEN_SECRET"):
        monkeypatch.setenv(f"TWITTER_{name}", f"1234-{name.lower()}")
    with pytest.raises(PapermillExecutionError, match="give a file with ids"):
        execute(tmp_path, source="api")
