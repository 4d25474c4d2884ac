"""The public names: what `import engagement_nb as enb` offers, and how it is typed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import engagement_nb as enb
from engagement_nb.apis.engagement import ENDPOINTS, EndpointName

NAMES = """
About Agreement AnalysisError ApiError ApiSource BadRequestError Batch
Client Comparison ConnectionTroubleError Contract CredentialsError Dataset DatasetError
DatasetSource Days ENDPOINTS EngagementError TableSource ForbiddenMetricsError ForbiddenTweetsError
Gap HandlesWarning IdList InputError Ledger METRICS
Metrics NoAccessError Notes Pacer Plan RateLimitedError Report
ReportError Request Sandbox SandboxSource ServerTroubleError Source SpendingError
UnauthenticatedError UnavailableTweetsError Usage V2Source agree compare connect
explore_days explore_gap label login make_batch make_plan make_report number
open_room read_table read_ids summarize_usage table_html tweet_time
"""

TYPED = """
import engagement_nb as enb

sandbox = enb.connect("sandbox", tweets=100)
reveal_type(sandbox)
reveal_type(enb.connect("api", max_handles=5))
reveal_type(enb.connect("figures.csv"))
metrics = sandbox.historical(["1"], by="hour", metrics=["favorites", "replies"])
reveal_type(metrics)
reveal_type(sandbox.plan(["1"], "28hr"))
reveal_type(enb.explore_gap(metrics))
reveal_type(enb.Ledger().contract)
reveal_type(enb.summarize_usage())
sandbox.historical(by="week")
sandbox.gather(endpoint="weekly")
enb.nothing
"""


def test_the_public_names_are_these_and_each_of_them_loads() -> None:
    assert sorted(enb.__all__) == sorted(NAMES.split())
    assert dir(enb) == sorted(enb.__all__)
    assert all(getattr(enb, name) is not None for name in enb.__all__)


def test_each_public_name_is_on_one_page_of_the_reference() -> None:
    pages = (Path(__file__).parent.parent / "docs" / "api").glob("*.md")
    named = [name for page in pages for name in re.findall(r"^ +- (\w+)$", page.read_text(), re.M)]
    assert sorted(named) == sorted(enb.__all__)


def test_literal_names_are_those_of_the_contract() -> None:
    assert set(get_args(EndpointName)) == set(ENDPOINTS)


def test_types_of_the_public_names_are_known_and_wrong_literals_are_found(tmp_path: Path) -> None:
    """`mypy --strict` as a user of the package runs it."""
    (tmp_path / "used.py").write_text(TYPED)
    # Types of large libraries are not those that are looked at.
    (tmp_path / "mypy.ini").write_text(
        "[mypy]\n[mypy-numpy.*,pandas.*,pyarrow.*,scipy.*,httpx.*]\nfollow_imports = skip\n"
    )
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent",
               "--ignore-missing-imports", "--config-file=mypy.ini", "used.py"]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    told = done.stdout
    for revealed in ("SandboxSource", "ApiSource", "base.Source", "Metrics", "Plan", "Gap",
                     "Contract", "Usage"):  # fmt: skip
        assert f'{revealed}"' in told, told
    assert 'Argument "by"' in told
    assert 'Argument "endpoint"' in told
    assert told.count("error:") == 2, told
