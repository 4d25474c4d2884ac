"""What people and spreadsheets put into a table: sums, moved cells, swapped days, durations."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest

import engagement_nb as enb
from engagement_nb.errors import InputError
from tests.tables import kinds
from tests.tables.export_files import write

HEAD, BODY = kinds.header("content"), kinds.rows("content", 9)
FIRST = HEAD.index("Impressions")
VIDEO = kinds.VIDEO.format(link="").split(",,,,,\r\n")[1]


def read(folder: Path, rows: list[list[str]], head: list[str] = HEAD) -> enb.Metrics:
    return enb.read_table(write(folder, kinds.text(head, rows)))


def notes(metrics: enb.Metrics) -> str:
    return " ".join(metrics.about.notes)


def figures(how: str, form: str = "{:.0f}", body: list[list[str]] = BODY) -> list[str]:
    numbers = pd.DataFrame(body).iloc[:, FIRST:].astype(int)
    return [form.format(value) for value in numbers.agg(how)]


def book(folder: Path, rows: list[list[object]]) -> Path:
    sheets = openpyxl.Workbook()
    for row in rows:
        sheets.active.append(row)
    for cells in sheets.active.iter_rows():
        for cell in cells:
            if isinstance(cell.value, timedelta):
                cell.number_format = "[h]:mm:ss"
    sheets.save(folder / "book.xlsx")
    return folder / "book.xlsx"


@pytest.mark.parametrize(
    ("label", "how", "why"),
    [
        ("Total", "sum", "sum"),
        ("Gesamtsumme", "sum", "sum"),
        ("合計", "sum", "sum"),
        ("Ø", "mean", "average"),
        ("Average per post", "mean", "average"),
        ("Moyenne", "mean", "average"),
        ("Mediana", "median", "median"),
        ("MAX", "max", "maximum"),
        ("Mín.", "min", "minimum"),
        ("Sous-total 2025", "sum", "partial sum"),
        ("Count", "count", "count"),
    ],
)
def test_a_row_with_the_label_of_a_sum_is_named_and_is_no_tweet(tmp_path, label, how, why):
    plain = read(tmp_path, BODY).frame
    form = "{:.2f}" if how == "mean" else "{:.0f}"
    # A text of some words may be that of a Tweet.
    for place in range(2 if " " in label else 3):
        above = ["", "", "", ""]
        above[place] = label
        metrics = read(tmp_path, [*BODY, above + figures(how, form)])
        pd.testing.assert_frame_equal(metrics.frame, plain)
        assert metrics.account.rows_named == {f"the {why} of the other rows": 1}
        assert f"has the {why} of the other rows in 1 row (line 20), not used" in notes(metrics)


def test_several_sums_and_a_total_beside_a_repeated_row_are_no_tweets(tmp_path):
    nameless = [cells[FIRST:] for cells in BODY]
    table = [["a text", *cells] for cells in nameless]
    head = ["Post text", *HEAD[FIRST:]]
    for total in (figures("sum"), figures("sum", body=[*BODY, BODY[0]])):
        rows = [*table, table[0], ["Yhteensä", *total]]
        metrics = read(tmp_path, rows, head)
        assert metrics.account.rows_named == {"the sum of the other rows": 1}
        assert len(metrics) == 10
    below = [["Total", *figures("sum")], ["Average", *figures("mean", "{:.1f}")]]
    assert len(read(tmp_path, [*table, *below], head)) == 9


@pytest.mark.parametrize("how", ["sum", "mean", "median", "max", "min"])
def test_a_row_without_a_label_under_the_figures_is_judged_by_them(tmp_path, how):
    metrics = read(tmp_path, [*BODY, [""] * FIRST + figures(how)])
    assert len(metrics) == len(BODY)
    assert sum(metrics.account.rows_named.values()) == 1
    some = [value if i % 3 else "" for i, value in enumerate(figures("sum"))]
    assert len(read(tmp_path, [*BODY, [""] * FIRST + some])) == len(BODY)


def test_sums_of_months_with_other_labels_and_their_total_are_no_tweets(tmp_path):
    months = [BODY[:4], BODY[4:]]
    rows = [[*part, ["January", "", "", "", *figures("sum", body=part)]] for part in months]
    metrics = read(tmp_path, [*rows[0], *rows[1], ["all", "", "", "", *figures("sum")]])
    pd.testing.assert_frame_equal(metrics.frame, read(tmp_path, BODY).frame)
    assert metrics.account.rows_named == {
        "the sum of the other rows": 1, "the partial sum of the other rows": 2,
    }  # fmt: skip


def test_a_column_of_any_type_hides_no_sum(tmp_path):
    frame = pd.DataFrame(
        [*BODY[:3], ["", "", "", "", *figures("sum", body=BODY[:3])]], columns=HEAD
    )
    frame["span"] = pd.interval_range(0, 4)
    frame["month"] = pd.period_range("2025-01", periods=4, freq="M")
    assert enb.read_table(frame).account.rows_named == {"the sum of the other rows": 1}


def test_a_tweet_without_an_id_whose_text_is_like_a_label_is_kept(tmp_path):
    head, row = ["Post text", *HEAD[FIRST:]], BODY[0][FIRST:]
    assert len(read(tmp_path, [["Total disaster", *row], ["Count me in", *row]], head)) == 2
    dated = ["Total", "Mon Feb 03 2025", *row]
    assert len(read(tmp_path, [dated, dated], ["Post text", "Date", *HEAD[FIRST:]])) == 2


@pytest.mark.parametrize("head", ["Date,Impressions,Likes,Engagements", "Date,Views,x,y"])
def test_a_sum_below_days_is_named_and_is_no_day(tmp_path, head):
    days = "2025-01-03,500,5,15\n2025-01-04,60,4,10\n2025-01-05,10,1,5\n"
    text = f"{VIDEO}Sun Jan 05 2025,0,0,,0,0\r\n" if "Views" in head else f"{head}\n{days}"
    plain = enb.read_table(write(tmp_path, text))
    for label in ("Total", ""):
        row = f"{label},30,14000,0.5,,0" if "Views" in head else f"{label},570,10,30"
        metrics = enb.read_table(write(tmp_path, f"{text}{row}\n"))
        assert metrics.about.unit == "day"
        pd.testing.assert_frame_equal(metrics.frame, plain.frame)
        assert metrics.account.rows_named == {"the sum of the other rows": 1}


@pytest.mark.parametrize("deleted", [0, 1, 2, 3])
def test_a_row_with_a_cell_too_few_is_named_as_damaged(tmp_path, deleted):
    wrong = [*BODY[4][:deleted], *BODY[4][deleted + 1 :], ""]
    metrics = read(tmp_path, [*BODY[:4], wrong, *BODY[5:]])
    expected = read(tmp_path, [*BODY[:4], *BODY[5:]])
    pd.testing.assert_frame_equal(metrics.frame, expected.frame)
    assert metrics.account.balanced
    assert "a cell too many or too few, so that others are under wrong columns in 1" in notes(
        metrics
    )


def test_an_id_of_0_among_row_numbers_is_no_moved_figure():
    """A table whose ids are row numbers keeps the row with the number 0."""
    numbers = range(20)
    frame = pd.DataFrame({"tweet_id": map(str, numbers), "engagements": numbers, "likes": numbers})
    account = enb.read_table(frame).account
    assert (account.rows_in, account.rows_used) == (20, 20)


@pytest.mark.parametrize("inserted", [0, 1, 2, 3, 4, 9, 16])
def test_a_row_with_a_cell_too_many_is_named_as_damaged(tmp_path, inserted):
    table = [[*row, ""] for row in BODY]
    table[4] = [*BODY[4][:inserted], "", *BODY[4][inserted:]]
    metrics = enb.read_table(book(tmp_path, [HEAD, *table]))
    assert len(metrics) == 8
    assert list(metrics.account.rows_named.values()) == [1]
    assert "(row 6), not used" in notes(metrics)


def test_a_deleted_figure_that_no_type_shows_is_named(tmp_path):
    wrong = [*BODY[4][:7], *BODY[4][8:], ""]
    metrics = read(tmp_path, [*BODY[:4], wrong, *BODY[5:]])
    assert "lacks only its last figure in 1 row (line 10)" in notes(metrics)
    assert "lacks only" not in notes(read(tmp_path, BODY))


@pytest.mark.parametrize(
    ("revenue", "expected"),
    [
        (["1,234", "500"], [None, 500]),
        (["1.234", "500"], [None, 500]),
        (["1,234", "5,50"], [1.234, 5.5]),
        (["1,234", "5.50"], [1234, 5.5]),
        (["$1,234", "1,234.50"], [1234, 1234.5]),
        (["1,234", "1,234,567"], [1234, 1234567]),
        (["0,123", "WAHR"], [0.123, None]),
        (["1,234", "TRUE"], [None, None]),
    ],
)
def test_a_revenue_is_read_or_named_and_never_off_by_a_thousand(tmp_path, revenue, expected):
    text = VIDEO.replace("12.5%", "12%").replace("500,0\r", f'500,"{revenue[0]}"\r')
    metrics = enb.read_table(write(tmp_path, text.replace("450,0\r", f'450,"{revenue[1]}"\r')))
    column = metrics.frame["estimated_revenue"]
    assert column.astype(object).where(column.notna(), None).tolist() == expected
    assert ("may have thousands or decimals (as " in notes(metrics)) == (
        revenue[0] in ("1,234", "1.234") and expected[0] is None
    )
    assert ("are no numbers" in notes(metrics)) == (revenue[1] in ("WAHR", "TRUE"))


@pytest.mark.parametrize(("other", "expected"), [("12.5%", 1234), ("12,5%", 1.234), ("12%", None)])
def test_other_columns_settle_what_a_comma_is(tmp_path, other, expected):
    text = VIDEO.replace("12.5%", f'"{other}"').replace("500,0\r", '500,"1,234"\r')
    value = enb.read_table(write(tmp_path, text)).frame["estimated_revenue"][0]
    assert (None if pd.isna(value) else value) == expected
    if expected is None:
        text = text.replace(",10,5000,", ',"12,345",5000,')
        assert enb.read_table(write(tmp_path, text)).frame["estimated_revenue"][0] == 1234


def test_durations_of_a_spreadsheet_are_no_times_of_day(tmp_path):
    header = VIDEO.splitlines()[0].split(",")
    hours = timedelta(hours=27, minutes=3, seconds=4)
    rows = [
        [datetime(2025, 1, 3), 10, hours, 0.125, time(0, 0, 5), 1.234],
        [datetime(2025, 1, 4), 20, timedelta(hours=2), 0.5, time(0, 1, 5), 1.5],
    ]
    frame = enb.read_table(book(tmp_path, [header, *rows])).frame
    assert frame["watch_time_ms"].tolist() == [97_384_000, 7_200_000]
    assert frame["average_watch_time_ms"].tolist() == [5000, 65000]
    assert frame["estimated_revenue"].tolist() == [1.234, 1.5]
    assert frame["completion_rate"].tolist() == [0.125, 0.5]
    typed = pd.DataFrame(rows, columns=header).astype({header[2]: "timedelta64[ns]"})
    assert enb.read_table(typed).frame["watch_time_ms"].tolist() == [97_384_000, 7_200_000]


@pytest.mark.parametrize(
    ("durations", "seconds"),
    [(("1:05", "12:00"), [65, 720]), (("1:05:00", "0:12:00"), [None, None]),
     (("1:05:30", "0:12:00"), [3930, 720])],
)  # fmt: skip
def test_minutes_that_a_spreadsheet_took_for_hours_are_not_known(tmp_path, durations, seconds):
    *above, row = kinds.VIDEO.format(link="").splitlines(keepends=True)
    rows = [
        row.replace("1:05", durations[0]),
        row.replace("77", "78").replace("1:05", durations[1]),
    ]
    tables = enb.connect(write(tmp_path, "".join([*above, *rows]))).tables
    column = tables.videos()["duration_s"]
    assert column.astype(object).where(column.notna(), None).tolist() == seconds
    assert ("minutes for hours" in notes(tables.of("video"))) == (seconds[0] is None)


@pytest.mark.parametrize(("yes", "no"), [("WAHR", "FALSCH"), ("vrai", "faux"), ("TRUE", "FALSE"),
                                         ("Verdadero", "False")])  # fmt: skip
def test_yes_and_no_are_read_as_such_and_are_no_counts(tmp_path, yes, no):
    head = ["Post id", "Impressions", "Likes", "Engagements", "has_media"]
    rows = [[row[0], *row[FIRST : FIRST + 3], yes if i else no] for i, row in enumerate(BODY[:3])]
    frame = read(tmp_path, rows, head).frame
    assert frame["has_media"].tolist() == [False, True, True]
    rows[0][2] = yes
    with pytest.raises(InputError, match="is yes or no, not a count"):
        read(tmp_path, rows, head)
    typed = [[*row[:2], i > 0, *row[3:]] for i, row in enumerate(rows)]
    with pytest.raises(InputError, match="is yes or no, not a count"):
        enb.read_table(book(tmp_path, [head, *typed]))


@pytest.mark.parametrize(
    "name", ["Posted", "Posted at", "Publish date", "Published", "Date published", "Sent at"]
)
def test_the_time_of_posting_has_many_names(tmp_path, name):
    text = f"{name},Post text,Impressions,Engagements,Likes\n2025-01-03 10:00,a,9,5,2\n"
    metrics = enb.read_table(write(tmp_path, text))
    assert metrics.frame["created_at"].tolist() == [pd.Timestamp("2025-01-03 10:00", tz="UTC")]
    assert metrics.account.not_used == {}


def test_a_day_that_a_spreadsheet_swapped_with_the_month_is_named_by_the_ids(tmp_path):
    rows = [[*row[:1], f"2025-{3 + i:02}-01", *row[2:]] for i, row in enumerate(BODY)]
    for row, same in zip(rows, BODY, strict=True):
        day = pd.to_datetime(same[1])
        row[1] = f"{day.year}-{day.day:02}-{day.month:02}" if day.day <= 12 else f"{day:%Y-%m-%d}"
    metrics = read(tmp_path, rows)
    expected = read(tmp_path, BODY).frame
    pd.testing.assert_series_equal(metrics.frame["created_at"], expected["created_at"])
    assert "day and month a spreadsheet swapped, as the ids show" in notes(metrics)
    assert "swapped" not in notes(read(tmp_path, BODY))


@pytest.mark.parametrize("posts", [True, False])
def test_swapped_days_without_ids_are_named_by_the_other_days(tmp_path, posts):
    days = pd.date_range("2025-01-01", "2025-01-31")
    said = [f"{d:%Y-%d-%m}" if d.day <= 12 else f"{d:%Y-%m-%d}" for d in days]
    texts = "Post text,Date" if posts else "Unfollows,Date"
    rows = [f"{i},{{}},9,{i + 2},2" for i in range(len(days))]

    def table(dates: list[str]) -> enb.Metrics:
        lines = [row.format(date) for row, date in zip(rows, dates, strict=True)]
        head = f"{texts},Impressions,Engagements,Likes"
        return enb.read_table(write(tmp_path, "\n".join([head, *lines]) + "\n"))

    assert "11 days (as 2025-02-01)" in notes(table(said))
    assert "day for the month" not in notes(table([f"{d:%Y-%m-%d}" for d in days]))
    draw = np.random.default_rng(3)
    for _ in range(5 * posts):
        others = pd.Timestamp("2024-06-03") + pd.to_timedelta(draw.integers(0, 400, 31), unit="D")
        assert "day for the month" not in notes(table([f"{d:%Y-%m-%d}" for d in others]))


@pytest.mark.parametrize(
    "name", ["Max Müller", "media", "Media Monday", "Count Dracula", "Total war"]
)
def test_a_name_among_names_is_no_label_of_a_sum(name):
    """Where rows have names for ids, one that is also a word for a summary stays a row."""
    frame = pd.DataFrame({"name": [name, *"abcdef"], "engagements": [50, 20, 31, 44, 25, 66, 9]})
    frame["likes"] = [5, 2, 3, 4, 2, 6, 1]
    for column in ("name", "tweet_id"):
        account = enb.read_table(frame.rename(columns={"name": column})).account
        assert (account.rows_used, account.rows_named) == (7, {})


def test_a_sum_among_names_is_known():
    """A total below rows with names for ids is not used: by its label, or by its figures."""
    for label in ("Total", "everything"):
        frame = pd.DataFrame({"tweet_id": [*"abcd", label], "engagements": [5, 2, 3, 4, 14]})
        frame["likes"] = [1, 2, 1, 1, 5]
        assert enb.read_table(frame).account.rows_named == {"the sum of the other rows": 1}
