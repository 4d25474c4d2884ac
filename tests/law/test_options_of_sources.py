"""Every option of `connect` and of a source's methods, on every kind of source.

Each cell is run: the option *takes effect* (what comes back differs), or it *is refused* in a
sentence. A third word, *holds*, is for an option that asks for what is so anyway; it says why.
A new option without a cell fails.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import pytest

from engagement_nb import connect, sources
from engagement_nb.sandbox import Settings
from engagement_nb.sources import Source
from tests.law.places import KINDS, Places, made, outcome

E, R = "takes effect", "is refused"


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    with made(tmp_path_factory.mktemp("law")) as all_kinds:
        yield all_kinds


@dataclass(frozen=True)
class Option:
    """A row of the table: a value to try, other options that it needs, and a cell per kind."""

    value: Any
    cells: dict[str, str]
    beside: dict[str, Any] = field(default_factory=dict)
    in_days: Any = None
    """The value for the file by day, which is of early 2025."""


def each(word: str, **others: str) -> dict[str, str]:
    """One word for all kinds, but for those that are named."""
    return {**dict.fromkeys(KINDS, word), **others}


HOLDS = "holds: there is nothing beside"
PERIOD = each(R, sandbox=E, api=E, dataset=E, days=E)
GATHER = {
    "tweet_ids": Option("IDS", each(E, days=R)),
    "endpoint": Option("28hr", each(R, sandbox=E, api=E)),
    "start": Option("2026-10-20", PERIOD, in_days="2025-01-20"),
    "end": Option("2026-10-20", PERIOD, in_days="2025-01-20"),
    "period": Option("last 2 weeks", PERIOD, in_days="2025-01"),
    "posted": Option("2026-10", each(E, days=R)),
    "zone": Option("Pacific/Kiritimati", each(E, days=R), {"posted": "BORDER"}),
    "by": Option("day", each(R, sandbox=E, api=E, dataset=E)),
    "beside": Option(False, each(HOLDS, sandbox=E, api=E, dataset=E)),
}
TOTALS = {
    "tweet_ids": GATHER["tweet_ids"],
    "metrics": Option(["Likes"], each(E)),
    "posted": GATHER["posted"],
    "zone": GATHER["zone"],
}
LAST_28_HOURS = {
    "tweet_ids": Option("IDS", each(R, sandbox=E, api=E)),
    "by": Option("hour", each(R, sandbox=E, api=E)),
    "metrics": Option(["Likes"], each(R, sandbox=E, api=E)),
    "posted": Option("2026-10", each(R, sandbox=E, api=E)),
    "zone": Option("Pacific/Kiritimati", each(R, sandbox=E, api=E), {"posted": "BORDER"}),
}
HISTORICAL = {
    **{name: GATHER[name] for name in ("start", "end", "period", "by")},
    "tweet_ids": Option("IDS", each(R, sandbox=E, api=E, dataset=E)),
    "metrics": Option(["Likes"], each(R, sandbox=E, api=E, dataset=E, days=E)),
    "posted": Option("2026-10", each(R, sandbox=E, api=E, dataset=E)),
    "zone": Option(
        "Pacific/Kiritimati", each(R, sandbox=E, api=E, dataset=E), {"posted": "BORDER"}
    ),
}
METHODS: dict[str, dict[str, Option]] = {
    "gather": GATHER,
    "totals": TOTALS,
    "last_28_hours": LAST_28_HOURS,
    "historical": HISTORICAL,
}
ROWS = [
    pytest.param(method, name, kind, id=f"{method}-{name}-{kind}")
    for method, options in METHODS.items()
    for name in options
    for kind in KINDS
]


@pytest.mark.parametrize("method", METHODS)
def test_each_option_of_a_method_has_a_row(method: str) -> None:
    """A new parameter without a row fails, and so does a row without its parameter."""
    known = [*inspect.signature(getattr(Source, method)).parameters][1:]
    assert sorted(METHODS[method]) == sorted(known)


def test_no_source_has_an_option_of_its_own() -> None:
    """Methods of all sources have the parameters of `Source`, so one table is enough."""
    for kind in vars(sources).values():
        if isinstance(kind, type) and issubclass(kind, Source):
            for method in METHODS:
                ours = inspect.signature(getattr(kind, method))
                assert ours == inspect.signature(getattr(Source, method))


def asked(places: Places, kind: str, method: str, options: dict[str, Any]) -> tuple[str, Any]:
    """What a method of a kind of source gives: figures as plain values, or a refusal."""
    words = {"IDS": str(places.ids), "BORDER": places.border}
    options = {n: words.get(v, v) if isinstance(v, str) else v for n, v in options.items()}

    def call() -> Any:
        with closing(connect(places[kind])) as source:
            found = getattr(source, method)(**options)
        figures, totals = found if isinstance(found, tuple) else (found, None)
        told = figures.about
        return figures.frame.to_csv(index=False), told.endpoint, told.by, totals is None

    return outcome(call)


@pytest.mark.parametrize(("method", "name", "kind"), ROWS)
def test_each_option_takes_effect_or_is_refused(
    places: Places, method: str, name: str, kind: str
) -> None:
    option = METHODS[method][name]
    # The API lists no Tweets.
    ids = {"tweet_ids": places.some} if kind == "api" else {}
    few = ids or ({"tweet_ids": places.some} if kind == "sandbox" and name != "tweet_ids" else {})
    # Posts of a month need Tweets of more than one.
    few = {"tweet_ids": _spread(places)} if "posted" in (name, *option.beside) and few else few
    base = {**few, **option.beside}
    before = asked(places, kind, method, {n: v for n, v in base.items() if n != name})
    value = option.in_days if kind == "days" and option.in_days else option.value
    after = asked(places, kind, method, {**base, name: value})
    cell = option.cells[kind]
    if cell == R:
        assert after[0] == "refuses", after
        assert len(after[1]) > 30
    elif cell == E:
        assert after[0] == "gives", after
        assert after != before
    else:
        assert after == before
        assert after[0] == "gives"


def _spread(places: Places) -> list[str]:
    return [str(i) for i in places["frame"]["tweet_id"]]


# --- connect


def _figures(source: Source, places: Places) -> Any:
    ids = places.some if source.name == "api" else None
    return source.totals(ids).frame.to_csv(index=False)


def _folder(source: Source, places: Places) -> Any:
    source.totals(places.some)
    return (Path(places.ids).parent / "kept").exists()


def _profile(source: Source, places: Places) -> Any:
    return repr(source) if source.sandbox else _figures(source, places)


Look = Callable[[Source, Places], Any]
FETCHES: dict[str, str] = each(R, sandbox=E, api=E)
CONNECT: dict[str, tuple[Any, dict[str, str], Look]] = {
    "profile": ("sandbox_birch_2", each(R, sandbox=E), _profile),
    "dataset": ("KEPT", FETCHES, _folder),
    "progress": (True, FETCHES, lambda s, p: vars(s).get("_progress")),
    "max_handles": (0, FETCHES, lambda s, p: outcome(lambda: s.historical(p.some))[0]),
    "deadline": (1e-9, each(R, api=E), lambda s, p: outcome(lambda: s.totals(p.some))[0]),
    "max_bytes": (1, each(R, api=E), lambda s, p: outcome(lambda: s.totals(p.some))[0]),
    "seed": (3, each(R, sandbox=E), _figures),
    "now": ("2026-10-02", each(R, sandbox=E), lambda s, p: s.historical(p.some).about.end),
    "tweets": (40, each(R, sandbox=E), _figures),
    "per_minute": (1, each(R, sandbox=E), lambda s, p: repr(s)),
}


def test_each_option_of_connect_has_a_row() -> None:
    """Fields of `Settings` are options of the sandbox only; its own tests show their effects."""
    own = [name for name in inspect.signature(connect).parameters if name not in ("where",)]
    typed = {
        name
        for kind in ("_Options", "_ApiOptions", "_SandboxOptions")
        for name in getattr(sources, kind).__annotations__
    }
    assert sorted({*own, *typed} - {"options"}) == sorted(CONNECT)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "sandbox"])
def test_settings_of_the_sandbox_are_refused_by_every_other_source(
    places: Places, kind: str
) -> None:
    for setting in fields(Settings):
        value = setting.default if isinstance(setting.default, int | str) else 1
        told = outcome(lambda s=setting, v=value: connect(places[kind], **{s.name: v or 1}))
        assert told[0] == "refuses", setting.name
        assert f"no option {setting.name}" in told[1]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", CONNECT)
def test_each_option_of_connect_takes_effect_or_is_refused(
    places: Places, name: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENGAGEMENT_LEDGER", str(tmp_path / "ledger"))
    value, cells, look = CONNECT[name]
    value = places.ids.parent / "kept" if value == "KEPT" else value

    def call(**options: Any) -> Any:
        with closing(connect(places[kind], **options)) as source:
            return look(source, places)

    after = outcome(lambda: call(**{name: value}))
    if cells[kind] == R:
        assert after[0] == "refuses", after
    else:
        assert after[0] == "gives", after
        if name != "dataset":
            assert after != outcome(call)
