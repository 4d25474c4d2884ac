"""Tables as people really have them: the figures are those that plain pandas gives."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pandas as pd
import pytest

import engagement_nb as enb
from engagement_nb.errors import InputError
from tests.tables import kinds
from tests.tables.export_files import write

COURSE = (
    "Tweet,id,time,impressions,engagements,engagement rate,retweets,replies,likes,user profile"
    " clicks,url clicks,hashtag clicks,detail expands,permalink clicks,app opens,app installs,"
    "follows,email tweet,dial phone,media views,media engagements"
)
"""The header of files that courses and dashboards hand out."""
ROWS = [
    "hello,1277000000000000001,2020-06-30 21:09 +0000,365,4,0.01,0,0,1,2,0,0,1,0,0,0,0,0,0,0,0",
    '"a, ""quoted"" text",1277100000000000003,2020-06-24 17:14 +0000,,7,,0,0,7' + ",0" * 12,
]
BARE = (
    "time,impressions,engagements,engagement rate,retweets,replies,likes,user profile clicks,"
    "url clicks,hashtag clicks,detail expands\n"
    "2020-06-30 21:09 +0000,365,4,0.0109,0,0,1,2,0,0,1\n"
    "2020-06-30 17:14 +0000,184,2,0.0108,0,0,2,0,0,0,0\n"
    "2020-06-30 17:14 +0000,184,7,0.0108,0,0,7,0,0,0,0\n"
    "2020-06-29 17:14 +0000,100,3,0.03,0,0,1,1,0,0,0\n"
)
CONTENT = (
    "Post id,Date,Post text,Post Link,Impressions,Likes,Engagements,Replies\n"
    '1953800000000000001,"Fri, Aug 08, 2025",hi,https://x.com/club/status/1953800000000000001,100,3,8,1\n'
)


def read(folder: Path, text: str | bytes, name: str = "table.csv") -> enb.Metrics:
    return enb.read_table(write(folder, text, name))


def refused(folder: Path, text: str | bytes, name: str = "table.csv") -> str:
    with pytest.raises(InputError) as caught:
        read(folder, text, name)
    return str(caught.value)


def named(metrics: enb.Metrics) -> str:
    return " ".join(metrics.about.notes)


def test_a_table_of_a_course_is_read_with_its_own_header(tmp_path):
    text = "\n".join([COURSE, *ROWS]) + "\n"
    metrics, plain = read(tmp_path, text), pd.read_csv(io.StringIO(text), dtype={"id": str})
    assert metrics.frame["tweet_id"].tolist() == plain["id"].tolist()
    assert metrics.frame["engagements"].sum() == plain["engagements"].sum() == 11
    assert metrics.frame["impressions"].isna().tolist() == plain["impressions"].isna().tolist()
    assert metrics.frame["text"].tolist() == plain["Tweet"].tolist()
    assert metrics.account.not_used == {}


def test_columns_that_a_maker_added_are_named_and_a_near_metric_with_a_guess(tmp_path):
    added = ",time.1,repliesCount,DATE,Hour,WORDCOUNT"
    rows = [f"{row},21:09,0,2020-06-30,21,2" for row in ROWS]
    metrics = read(tmp_path, "\n".join([COURSE + added, *rows]) + "\n")
    assert metrics.frame["engagements"].sum() == 11
    unused = metrics.account.not_used
    assert set(unused) == {"time.1", "repliesCount", "DATE", "Hour", "WORDCOUNT"}
    assert unused["repliesCount"] == "it may be replies; rename it if it is"
    assert len(metrics.account.metrics) + len(metrics.account.known) == len(COURSE.split(","))


def test_rows_without_ids_are_tweets_by_number_and_never_days(tmp_path):
    metrics = read(tmp_path, BARE)
    assert metrics.about.unit == "tweet"
    assert metrics.frame["tweet_id"].tolist() == ["row 1", "row 2", "row 3", "row 4"]
    assert metrics.frame["engagements"].sum() == 16
    assert metrics.frame["created_at"].max() == pd.Timestamp("2020-06-30 21:09", tz="UTC")
    assert "names 4 Tweets by row number: it has no column of ids" in named(metrics)
    assert enb.explore_gap(metrics).posts == 4
    source = enb.connect(tmp_path / "table.csv")
    assert source.tweet_ids() == []


def test_dates_without_a_clock_are_days_only_if_each_occurs_once(tmp_path):
    dated = BARE.replace(" 21:09 +0000", "").replace(" 17:14 +0000", "")
    assert read(tmp_path, dated).about.unit == "tweet"
    lines = dated.splitlines()
    assert read(tmp_path, "\n".join([*lines[:2], lines[4]]) + "\n").about.unit == "day"


@pytest.mark.parametrize(
    "ids", [("6.67E+15", "6.67E+15"), ("", ""), ("667000000000000000", "668000000000000000")]
)
def test_random_rounded_and_empty_ids_lose_no_row_and_give_no_time(tmp_path, ids):
    text = "id,time,impressions,engagements,likes,retweets\n"
    text += "".join(f"{i},2020-06-2{k} 10:00,100,{k + 2},{k},1\n" for k, i in enumerate(ids))
    metrics = read(tmp_path, text)
    assert len(metrics) == 2
    assert metrics.frame["engagements"].tolist() == [2, 3]
    assert metrics.frame["created_at"].dt.strftime("%Y-%m-%d").tolist() == [
        "2020-06-20", "2020-06-21"
    ]  # fmt: skip
    assert metrics.account.balanced


def test_a_table_reworked_in_r_is_read_by_its_dotted_names_and_its_links(tmp_path):
    text = (
        '"","Tweet.id","Tweet.permalink","Tweet.text","date","time_only","time","impressions",'
        '"engagements","engagement.rate","retweets","replies","likes","Curator"\n'
        '"1","1.03E+18","https://twitter.com/Club/status/1029000000000000001","caf\u00e9",'
        '"2018-08-13","14:00:00","2018-08-13 14:00:00","100","5","0.05","1","1","2","ann"\n'
        '"2","1.03E+18","https://twitter.com/Club/status/1029100000000000003","hi",'
        '"2018-08-14","10:00:00","2018-08-14 10:00:00","200","4","0.02","0","1","2","bob"\n'
    )
    metrics = read(tmp_path, text.encode("cp1252"))
    assert metrics.frame["tweet_id"].tolist() == ["1029000000000000001", "1029100000000000003"]
    assert metrics.frame["engagements"].tolist() == [5, 4]
    assert metrics.frame["text"][0] == "café"
    assert set(metrics.account.not_used) == {"date", "time_only", "Curator"}
    assert "2 ids read from the links: a spreadsheet rounded its ids" in named(metrics)


def test_a_row_that_x_wrote_itself_is_a_note_and_nothing_is_missing(tmp_path):
    metrics = read(tmp_path, CONTENT + ",,,https://x.com/club/status/undefined,0,0,0,0\n")
    assert (len(metrics), metrics.frame["engagements"].sum()) == (1, 8)
    assert metrics.problems.empty
    assert "1 empty row that X itself wrote" in named(metrics)
    assert metrics.account.rows_named == {"an empty row that X itself wrote": 1}
    assert metrics.account.balanced


def test_the_portuguese_classic_header_has_accents_colons_and_promoted_columns(tmp_path):
    organic = (
        "impressões,engajamentos,taxa de engajamento,retweets,respostas,favoritos,cliques no perfil"
        " do usuário:,cliques no URL,cliques em hashtags:,expansões de detalhes:"
    )
    promoted = ",".join(f"{name} promovidos" for name in organic.split(","))
    head = f"id do Tweet,link permanente do Tweet,texto do Tweet,horário,{organic},{promoted}"
    row = "1277000000000000001,https://twitter.com/club/status/1277000000000000001,oi,"
    row += "2020-06-27 21:09 +0000,365,4,0.01,0,0,1,2,0,0,1,50,3" + ",0" * 8
    metrics = read(tmp_path, f"{head}\n{row}\n")
    assert metrics.about.kind == "classic"
    assert metrics.frame[["engagements", "favorites", "detail_expands"]].values.tolist() == [
        [4, 1, 1]
    ]
    assert metrics.frame["promoted_engagements"].tolist() == [3]
    assert metrics.account.not_used == {}


def test_the_portuguese_overview_has_no_unknown_column(tmp_path):
    text = (
        "Date,Impressões,Curtidas,Engajamentos,Itens salvos,Compartilhamentos,Novos seguidores,"
        "Deixar de seguir,Respostas,Reposts,Visitas ao perfil,Criar post,Visualizações de vídeo,"
        'Visualizações de mídia\n"Tue, Sep 29, 2026",267,5,17,2,0,1,3,1,0,4,2,11,12\n'
    )
    metrics = read(tmp_path, text)
    assert metrics.about.kind == "overview"
    assert metrics.account.not_used == {}
    assert metrics.frame[["posts", "unfollows", "video_views"]].values.tolist() == [[2, 3, 11]]


@pytest.mark.parametrize("words", ["pt", "made up"])
def test_a_video_file_in_any_language_is_read_by_words_or_by_shape(tmp_path, words):
    text = (
        "Visão geral do vídeo,,,,,\n"
        "Data,Visualizações,Tempo de exibição (ms),Taxa de conclusões,Tempo médio de exibição (ms),"
        'Receita estimada\n"Tue, Sep 29, 2026",10,50000,5.00,5000,0\n'
        '"Mon, Sep 28, 2026",20,90000,7.50,4500,0\n,,,,,,,,,\nSeus vídeos,,,,,,,,,\n'
        "Carregado em,ID do vídeo,Título do vídeo,Visualizações,Duração,Link do vídeo,Monetizado,"
        "Receita estimada,Data de publicação,Postar link\n"
        '"Aug 8, 2026",13_1900000000000000001,Sem título,847,1:05,https://v.example/x.mp4,Não,0,,\n'
    )
    if words == "made up":
        for word in ("Data", "Visualizações", "Receita", "Taxa", "Tempo", "ID", "vídeo", "Postar"):
            text = text.replace(word, word[::-1])
    tables = enb.connect(write(tmp_path, text)).tables
    assert tables.kinds == ["video", "videos"]
    assert tables.metrics().frame["video_views"].tolist() == [10, 20]
    assert tables.videos()["duration_s"].tolist() == [65]


def test_an_ads_export_is_refused_because_its_rows_are_campaigns(tmp_path):
    text = (
        "Time,Campaign,Spend,Impressions,Engagements,Retweets,Replies,Likes\n"
        "2026-09-01,Spring A,10.00,1000,50,2,1,10\n2026-09-01,Spring B,20.00,2000,80,4,2,20\n"
    )
    assert "figures of campaigns, not of Posts" in refused(tmp_path, text)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("tweets.js", b'window.YTD.tweets.part0 = [ {"tweet": {"id_str": "1"}} ]',
         "account archive, which has no impressions and no engagements"),
        ("a.pdf", b"%PDF-1.7", "it is a PDF"),
        ("a.xls", b"\xd0\xcf\x11\xe0rest", "Save it as XLSX or CSV"),
        ("a.zip", b"PK\x03\x04rest", "it is a zip archive"),
        ("a.csv", b"Tweet,retweets,likes,sentiment\nhi,1,2,0.5\n",
         "it has no column of engagements, only retweets and favorites"),
        ("b.csv", b"name,age\nann,3\n", "no columns Engagements, Impressions or Likes;"),
        ("c.json", b'[{"id": "1", "full_text": "hi", "favorite_count": 3}]', "no column of engag"),
        ("d.json", b'{"meta": {"result_count": 0}}', "JSON without metrics of Posts"),
    ],
)  # fmt: skip
def test_the_reason_says_what_it_is_what_it_lacks_and_what_to_do(tmp_path, name, content, words):
    said = refused(tmp_path, content, name)
    assert words in said
    assert "language" not in said.split("Give", maxsplit=1)[0]


def test_a_folder_names_each_file_that_it_leaves_out(tmp_path):
    write(tmp_path, CONTENT, "content.csv")
    write(tmp_path, b"%PDF-1.7", "print.pdf")
    write(tmp_path, "Time,Campaign,Impressions,Engagements,Likes\n2026-09-01,A,1,1,1\n", "ads.csv")
    write(tmp_path, CONTENT.replace(",8,1\n", ",many,1\n"), "broken.csv")
    (tmp_path / "more").mkdir()
    source = enb.connect(tmp_path)
    assert source.totals().frame["engagements"].tolist() == [8]
    assert set(source.tables.left_out) == {"print.pdf", "ads.csv", "broken.csv", "more"}
    said = named(source.totals())
    assert "broken.csv was left out: line 2, column" in said
    assert "ads.csv was left out: it has figures of campaigns" in said


def test_a_file_that_names_no_account_is_not_added_to_one_that_does(tmp_path):
    write(tmp_path, CONTENT, "club.csv")
    other = CONTENT.replace("x.com/club", "x.com/i").replace(
        "1953800000000000001", "1953900000000000001"
    )
    write(tmp_path, other, "nobody.csv")
    with pytest.raises(
        InputError, match=r"nobody.csv names no account, and other files are of @club"
    ):
        enb.read_table(tmp_path)
    alone = enb.read_table(tmp_path, "club")
    assert alone.frame["tweet_id"].tolist() == ["1953800000000000001"]
    assert alone.account.rows_named == {"of another account": 1}
    assert len(enb.read_table(tmp_path, "club,unnamed")) == 2
    (tmp_path / "nobody.csv").unlink()
    with pytest.raises(InputError, match=r"has no Posts of an unnamed account. It has: @club."):
        enb.read_table(tmp_path, "club,unnamed")


def test_a_spreadsheet_is_read_like_a_text_file_sheet_by_sheet(tmp_path):
    frame = pd.read_csv(io.StringIO("\n".join([COURSE, *ROWS]) + "\n"), dtype={"id": str})
    with pd.ExcelWriter(tmp_path / "book.xlsx") as book:
        pd.DataFrame({"Notes": ["made for class"]}).to_excel(book, sheet_name="About", index=False)
        frame.to_excel(book, sheet_name="Tweets", index=False, startrow=2)
    metrics = enb.read_table(tmp_path / "book.xlsx")
    assert metrics.frame["tweet_id"].tolist() == frame["id"].tolist()
    assert metrics.frame["engagements"].tolist() == [4, 7]
    assert "has another table, which was left out" in named(metrics)


def test_ids_that_a_spreadsheet_holds_as_numbers_are_rounded_and_said_to_be(tmp_path):
    frame = pd.read_csv(io.StringIO("\n".join([COURSE, *ROWS]) + "\n"))
    frame.astype({"id": float}).to_excel(tmp_path / "book.xlsx", index=False)
    metrics = enb.read_table(tmp_path / "book.xlsx")
    assert metrics.frame["tweet_id"].tolist() == ["row 1", "row 2"]
    assert metrics.frame["created_at"][0] == pd.Timestamp("2020-06-30 21:09", tz="UTC")
    assert "a spreadsheet rounded its ids" in named(metrics)


def test_a_spreadsheet_that_unpacks_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("engagement_nb.tables.books._MOST_BYTES", 8 << 20)
    with zipfile.ZipFile(tmp_path / "book.xlsx", "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("xl/worksheets/sheet1.xml", b"0" * (9 << 20))
    with pytest.raises(InputError, match="too large for memory"):
        enb.read_table(tmp_path / "book.xlsx")
    with zipfile.ZipFile(tmp_path / "far.xlsx", "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr(
            "xl/worksheets/sheet1.xml", b'<row r="1"><c r="A1"/><c r="XFD1048576"/></row>'
        )
    with pytest.raises(InputError, match="too large for memory"):
        enb.read_table(tmp_path / "far.xlsx")


POST = {
    "id": "1953800000000000001",
    "text": "hi",
    "created_at": "2025-08-08T12:46:34.000Z",
    "public_metrics": {"retweet_count": 1, "reply_count": 2, "like_count": 3, "quote_count": 0,
                       "bookmark_count": 4, "impression_count": 100},
    "non_public_metrics": {"impression_count": 100, "user_profile_clicks": 5, "engagements": 20},
}  # fmt: skip
DENIED = {
    "resource_type": "tweet", "resource_id": "1953800000000000009", "value": "1953800000000000009",
    "field": "non_public_metrics.impression_count", "section": "data",
    "title": "Field Authorization Error",
    "type": "https://api.x.com/2/problems/not-authorized-for-field",
}  # fmt: skip


@pytest.mark.parametrize(
    "saved",
    [
        lambda post: json.dumps({"data": [post]}),
        lambda post: json.dumps({"data": post}),
        lambda post: json.dumps([post]),
        lambda post: json.dumps(post),
        lambda post: json.dumps([{"data": [post], "meta": {"result_count": 1}}], indent=2),
        lambda post: json.dumps({"data": [post]}) + "\n" + json.dumps({"data": []}) + "\n",
    ],
)
def test_a_page_of_api_v2_is_read_however_it_was_saved(tmp_path, saved):
    metrics = read(tmp_path, saved(POST), "page.json")
    row = metrics.frame.iloc[0]
    assert row["tweet_id"] == POST["id"]
    names = ["engagements", "favorites", "retweets", "bookmarks", "user_profile_clicks"]
    assert row[names].tolist() == [20, 3, 1, 4, 5]
    assert metrics.frame["url_clicks"].isna().all()
    assert metrics.problems["reason"].tolist() == ["no link"]
    assert "was not asked for" in named(metrics)
    assert "detail expands" in named(metrics)


def test_a_figure_that_the_api_left_out_is_unknown_and_never_zero(tmp_path):
    """X leaves url_link_clicks out where the Post has no link."""
    linked = json.loads(json.dumps(POST)) | {"id": "1953900000000000002"}
    linked["non_public_metrics"]["url_link_clicks"] = 7
    page = {"data": [POST, linked], "errors": [DENIED]}
    metrics = read(tmp_path, json.dumps(page), "page.json")
    assert metrics.frame["url_clicks"].tolist() == [pd.NA, 7]
    assert metrics.problems[["tweet_id", "reason", "metrics"]].values.tolist() == [
        ["1953800000000000009", "not yours", "impressions"],
        [POST["id"], "no link", "url_clicks"],
    ]
    assert enb.explore_gap(metrics).posts == 2
    assert "hashtag clicks, detail expands" in enb.explore_gap(metrics).sentence
    assert "which may be part of this gap" in enb.explore_gap(metrics).sentence


BUCKET = {"impressions": 100, "engagements": 8, "likes": 3, "replies": 1, "url_clicks": None}


@pytest.mark.parametrize(
    "post",
    [
        {"id": "1",
         "timestamped_metrics": [{"timestamp": "2026-09-28T00:00:00Z", "metrics": BUCKET}]},
        {"id": "1", **BUCKET, "timestamp": "2026-09-28T00:00:00Z",
         "timestamped_metrics": [{"timestamp": "2026-09-28T00:00:00Z", "metrics": BUCKET}]},
        {"id": "1", "timestamped_metrics": [{"metrics": BUCKET}]},
    ],
)  # fmt: skip
def test_an_answer_of_analytics_is_read_in_each_recorded_form(tmp_path, post):
    for data in ([post], post):
        metrics = read(tmp_path, json.dumps({"data": data}), "analytics.json")
        assert metrics.frame[["engagements", "favorites"]].values.tolist() == [[8, 3]]
        assert metrics.frame["url_clicks"].isna().all()
        timed = "timestamp" in post["timestamped_metrics"][0]
        assert metrics.about.by == ("day" if timed else None)


def test_hours_of_analytics_are_a_series(tmp_path):
    hours = [{"timestamp": f"2026-09-28T0{h}:00:00Z", "metrics": BUCKET} for h in range(3)]
    metrics = read(
        tmp_path, json.dumps({"data": [{"id": "1", "timestamped_metrics": hours}]}), "a.json"
    )
    assert metrics.about.by == "hour"
    assert enb.explore_gap(metrics).engagements == 24


def test_a_frame_of_texts_that_utf_8_cannot_write_is_read():
    frame = pd.DataFrame({"engagements": [5, 6], "likes": [1, 2]})
    frame["text"] = pd.Series(["\ud800", b"\xff"], dtype=object)
    assert enb.read_table(frame).frame["text"].tolist() == ["?", "b'\\xff'"]


@pytest.mark.parametrize("blank", ["", ",,,,,\r\n"])
def test_a_video_file_without_its_titles_keeps_its_first_day(tmp_path: Path, blank: str) -> None:
    """Somebody deleted the lines above the headers; the first row of figures was lost."""
    lines = kinds.VIDEO.format(link="").splitlines(keepends=True)
    path = tmp_path / "video.csv"
    path.write_text("".join(lines[1:4]) + blank)
    assert enb.read_table(path).frame["video_views"].tolist() == [10, 20]
    path.write_text("".join(lines[1:4]) + blank + "".join(lines[6:]))
    assert enb.read_table(path).frame["video_views"].tolist() == [10, 20]
