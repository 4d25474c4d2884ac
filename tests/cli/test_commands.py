"""How all commands read their words: repeats, mistyped names, groups of options."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from engagement_nb import cli, connect
from engagement_nb.cli.commands import Command


def commands(
    command: click.Command, name: str = "engagement-nb"
) -> Iterator[tuple[str, click.Command]]:
    """All commands of the program that are not groups, with their names."""
    if isinstance(command, click.Group):
        ctx = click.Context(command)
        for word in command.list_commands(ctx):
            inner = command.get_command(ctx, word)
            assert inner is not None
            yield from commands(inner, f"{name} {word}")
    else:
        yield name, command


@pytest.mark.parametrize(("name", "command"), list(commands(cli.cli)), ids=lambda x: str(x))
def test_an_option_given_twice_where_one_counts_is_refused(
    name: str, command: click.Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert isinstance(command, Command), name
    words = name.split()[1:]
    for option in command.params:
        if not isinstance(option, click.Option) or option.multiple:
            continue
        value = [] if option.is_flag else ["1"] * option.nargs
        assert cli.run([*words, *[option.opts[-1], *value] * 2]) == 2
        assert f"{option.opts[0]}" in (err := capsys.readouterr().err)
        assert "is given 2 times" in err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["fetchh"], "Did you mean 'fetch'?"),
        (["auth", "chek"], "Did you mean 'check'?"),
        (["sandbox", "serv"], "Did you mean 'serve'?"),
        (["zzz"], "Commands: report, plan"),
        (["report", "--strct"], "'--strict'"),
    ],
)
def test_a_mistyped_name_gets_the_nearest_one(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(words) == 2
    assert told in capsys.readouterr().err


def test_options_are_grouped_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["report", "--help"]) == 0
    told = capsys.readouterr().out
    headings = ["What to read:", "The sandbox's world:", "The page:", "What is written:"]
    places = [told.index(heading) for heading in headings]
    assert places == sorted(places)
    assert told.index("What to read:") < told.index("--period") < told.index("The sandbox's world:")


def test_posts_of_two_months_of_one_file_are_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with connect("sandbox", seed=7, now="2026-11-04T15:00", tweets=600) as source:
        source.totals(source.tweet_ids(count=600)).to_csv(tmp_path / "my.csv")
    mine = str(tmp_path / "my.csv")
    assert cli.run(["compare", mine, mine, "--posted", "2026-09", "--posted", "2026-10"]) == 0
    assert "my.csv, posted 2026-10" in (told := capsys.readouterr().out)
    assert "0 on both sides" in told
    assert cli.run(["compare", mine, mine, "--period", "2026-10"]) == 2
    assert "Use posted= for Posts" in capsys.readouterr().err
    assert cli.run(["compare", mine, mine, "--zone", "Asia/Tokyo"]) == 2
    assert "has no effect without dates" in capsys.readouterr().err


def test_one_tweet_is_one_tweet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with connect("sandbox", seed=7, now="2026-11-04T15:00", tweets=600) as source:
        (tmp_path / "ids.txt").write_text(source.tweet_ids(count=1)[0])
        one = source.totals(source.tweet_ids(count=1))
    assert "totals, 1 Tweet;" in repr(one)
    words = ["fetch", "totals", "--ids", str(tmp_path / "ids.txt"), "-o", str(tmp_path / "kept"),
             "--seed", "7", "--now", "2026-11-04T15:00", "--tweets", "600"]  # fmt: skip
    assert cli.run(words) == 0
    told = capsys.readouterr().err
    assert "1 Tweet in" in told
    assert "1 Tweets" not in told
    assert "1 requests" not in told
