"""`engagement-nb report FILE-OR-FOLDER`: what is refused before a report begins."""

from __future__ import annotations

import pytest

from engagement_nb.cli.reports import accounts_in
from engagement_nb.errors import InputError
from tests.tables import kinds
from tests.tables.export_files import write


def test_the_accounts_of_a_folder_are_those_of_its_links(tmp_path):
    for number, handle in enumerate(("ann", "bob")):
        body = kinds.rows("content", 5 + number, seed=number, handle=handle)
        write(tmp_path, kinds.text(kinds.header("content"), body), f"{handle}.csv")
    assert accounts_in(str(tmp_path)) == ["bob", "ann"]


def test_files_that_name_no_account_cannot_be_split_by_account(tmp_path):
    path = write(tmp_path, kinds.text(kinds.header("overview"), kinds.rows("overview")))
    with pytest.raises(InputError, match="names no account"):
        accounts_in(str(path))
