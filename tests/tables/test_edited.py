"""Files that people edited: no figure is lost or wrong without a word."""

from __future__ import annotations

from pathlib import Path

import pytest

import engagement_nb as enb
from engagement_nb.errors import InputError
from tests.tables import kinds
from tests.tables.export_files import write

PLAIN = "date,post,engagements,impressions,likes,reposts\n"
DAYS = "Date,Impressions,Likes,Engagements,Unfollows,Replies\n"


def read(folder: Path, text: str) -> enb.Metrics:
    return enb.read_table(write(folder, text))


def notes(metrics: enb.Metrics) -> str:
    return " ".join(metrics.about.notes)


def refused(folder: Path, text: str) -> str:
    with pytest.raises(InputError) as caught:
        read(folder, text)
    return str(caught.value)


@pytest.mark.parametrize("kind", ["content", "overview"])
def test_a_row_of_figures_is_never_taken_for_a_header(tmp_path, kind):
    first, *rows = kinds.rows(kind, 9)
    assert "the header is missing" in refused(tmp_path, kinds.text(first, rows))


def test_a_row_below_a_note_in_a_titled_table_is_not_taken_for_a_header(tmp_path):
    rows = [[cell.replace("\n", " ") for cell in row] for row in kinds.rows("content", 9)]
    title, note = (["My Posts"], [""] * 16 + ["a note"])
    lines = [kinds.header("content"), *rows[:4], note, *rows[4:]]
    assert "line 7" in refused(tmp_path, kinds.text(title, lines))


@pytest.mark.parametrize("date", ["4.1.2025", "01/04/25", "4. März 2025", "January 4, 2025"])
def test_a_row_below_a_note_is_no_header_however_its_date_is_written(tmp_path, date):
    days = kinds.VIDEO.splitlines(keepends=True)[:4]
    row = f'"{date}",10,5000,12.5%,500,0\r\n'
    text = "".join([*days[:3], "holiday,,,,,\r\n", row, days[3]])
    try:
        told = notes(read(tmp_path, text))
    except InputError as error:
        told = str(error)
    assert ("figure in 1 row (line 4), not used" in told) or f'line 5: "{date}" is not' in told


@pytest.mark.parametrize("title", ["2025-02-01", "2025-02-01" + "," * 13])
def test_a_date_may_stand_above_a_table(tmp_path, title):
    text = kinds.text(kinds.header("overview"), kinds.rows("overview", 5))
    metrics = read(tmp_path, f"{title}\r\n{text}")
    assert len(metrics) == 5


def test_an_empty_column_among_columns_that_are_read_by_position_is_refused(tmp_path):
    table = [kinds.made_up("overview"), *kinds.rows("overview", 9)]
    head, *rows = [[*row[:12], "", *row[12:]] for row in table]
    assert "one of its columns has no name" in refused(tmp_path, kinds.text(head, rows))


def test_thousands_in_a_revenue_are_read(tmp_path):
    text = kinds.VIDEO.split(",,,,,\r\n")[1]
    text = text.replace("500,0\r", '500,"$1,234.50"\r').replace("450,0\r", '450,"1.234,50 €"\r')
    assert read(tmp_path, text).frame["estimated_revenue"].tolist() == [1234.5, 1234.5]


@pytest.mark.parametrize("deleted", [1, 5])
def test_a_video_file_without_a_header_of_its_two_is_refused(tmp_path, deleted):
    lines = kinds.VIDEO.format(link="").splitlines(keepends=True)
    moved = [*lines[:1], *lines[2:3], lines[1], *lines[3:]]
    text = "".join(moved if deleted == 5 else [*lines[:1], *lines[2:]])
    assert "a row with a date stands above the header" in refused(tmp_path, text)


def test_a_video_file_with_a_column_twice_or_without_dates_is_refused(tmp_path):
    header, *rows = kinds.VIDEO.splitlines(keepends=True)[1:4]
    other = [header, *rows[::-1]]
    twice = "".join(f"{line.rstrip()},{other[i]}" for i, line in enumerate([header, *rows]))
    assert "video_views in several columns" in refused(tmp_path, twice)
    undated = header.removeprefix("Date,") + "10,5000,12.5%,500,0\n"
    assert "no dates" in refused(tmp_path, undated)


def test_a_table_of_engagements_in_titled_parts_is_no_table_of_videos(tmp_path):
    header = "Date,Engagements,Impressions,Likes,Reposts,URL clicks\n"
    text = f"January\n{header}2025-01-03,5,90,2,1,1\n\nFebruary\n{header}2025-02-03,6,90,2,1,1\n"
    assert read(tmp_path, text).frame["engagements"].sum() == 11


@pytest.mark.parametrize("last", ["Week 1,1000,10,35,0,3", "3 Jan,500,5,15,0,1"])
def test_days_whose_dates_cannot_be_read_are_not_tweets(tmp_path, last):
    rows = "2025-01-03,500,5,15,0,2\n2025-01-04,500,5,15,0,1\n"
    assert "is not a date" in refused(tmp_path, f"{DAYS}{rows}{last}\n")
    undated = (DAYS + rows).replace("Date,", "").replace("2025-01-03,", "")
    assert "no dates" in refused(tmp_path, undated.replace("2025-01-04,", ""))


@pytest.mark.parametrize(
    ("dates", "read_as", "said"),
    [
        (("4.1.2025", "05.01.2025 10:00"), ["2025-01-04", "2025-01-05"], ""),
        (("04/01/2025", "13/01/2025"), ["2025-01-04", "2025-01-13"], ""),
        (("01/04/2025", "01/13/2025"), ["2025-01-04", "2025-01-13"], ""),
        (("01/04/2025", "01/05/2025"), ["2025-01-04", "2025-01-05"], "read as month/day/year"),
        (("2025-04-01", "13/01/2025"), ["2025-04-01", "2025-01-13"], "dates of two forms"),
        (("2025-01-04", "Jan 4"), ["2025-01-04", None], '1 row whose date cannot be read (as "Jan'),
    ],
)
def test_dates_are_read_or_named(tmp_path, dates, read_as, said):
    rows = "".join(f"{date},a text,9,90,2,1\n" for date in dates)
    metrics = read(tmp_path, PLAIN + rows)
    days = metrics.frame["created_at"].dt.strftime("%Y-%m-%d")
    assert days.astype(object).where(days.notna(), None).tolist() == read_as
    assert (said in notes(metrics)) if said else "has dates" not in notes(metrics)


def test_a_note_below_a_table_is_named_and_is_no_tweet(tmp_path):
    metrics = read(tmp_path, f"{PLAIN}2025-01-04,a text,9,90,2,1\nSource: X,,,,,\n")
    assert metrics.frame["engagements"].tolist() == [9]
    assert metrics.account.rows_named == {"no id and no figure": 1}
    assert "no id and no figure in 1 row (line 3), not used" in notes(metrics)


def test_a_column_without_a_name_is_named(tmp_path):
    text = PLAIN.replace("likes", "") + "2025-01-04,a text,9,90,2,1\n"
    metrics = read(tmp_path, text)
    assert metrics.account.not_used == {"": "it has no name"}


def test_a_count_with_a_point_and_three_digits_is_refused(tmp_path):
    row = "2025-01-04,a text,9,90,2,"
    assert '"1.000" is not a whole number' in refused(tmp_path, f"{PLAIN}{row}1.000\n")
    assert read(tmp_path, f"{PLAIN}{row}1.0\n").frame["retweets"].tolist() == [1]


def test_months_are_not_days(tmp_path):
    rows = "2025-01,500,5,15,0,2\n2025-02,500,5,15,0,1\n"
    assert 'months or years (as "2025-01")' in refused(tmp_path, DAYS + rows)
    metrics = read(tmp_path, f"{PLAIN}2025,a text,9,90,2,1\n")
    assert 'date cannot be read (as "2025")' in notes(metrics)


def test_a_copy_of_rows_without_ids_is_named(tmp_path):
    rows = [f"2025-01-0{i},a text {i},9,90,{i},1\n" for i in range(1, 5)]
    for name, part in (("all", rows), ("top", rows[:2]), ("other", [rows[0].replace("9", "8")])):
        write(tmp_path, PLAIN + "".join(part), f"{name}.csv")
    metrics = enb.read_table(tmp_path)
    assert len(metrics) == 7
    assert "All rows of top.csv are in another table too" in notes(metrics)
    assert "of other.csv" not in notes(metrics)
