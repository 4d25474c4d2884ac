"""Every option of `connect` and of a source's methods, on every kind of source.

Each cell is run: the option *takes effect* (what comes back differs), or it *is refused* in a
sentence. A third word, *holds*, is for an option that asks for what is so anyway; it says why.
A new option without a cell fails.
"""

from __future__ import annotations

import inspect
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import pytest

from engagement_nb import connect, sources
from engagement_nb.sandbox import Settings
from engagement_nb.sources import Source
from engagement_nb.sources.sandbox import WORLD
from tests.law.places import FETCHES, KINDS, Places, key, made, outcome

pytestmark = pytest.mark.xdist_group("options of sources")

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
TIMELINE = dict.fromkeys(("v2", "sandbox-v2"), "holds: these ids are the timeline")
FETCHED = dict.fromkeys(FETCHES, E)
STORED = {**FETCHED, "dataset": E, "old": E}
PERIOD = each(R, **STORED, days=E)
KIRIBATI = "Pacific/Kiritimati"
GATHER = {
    "tweet_ids": Option("IDS", each(E, **TIMELINE, days=R)),
    "endpoint": Option("28hr", each(R, sandbox=E, api=E)),
    "start": Option("2026-10-25", PERIOD, in_days="2025-01-20"),
    "end": Option("2026-10-30", {**PERIOD, "old": R}, in_days="2025-01-20"),
    "period": Option("last week", PERIOD, in_days="2025-01"),
    "posted": Option("2026-10", each(E, days=R)),
    "zone": Option(KIRIBATI, each(E, days=R, old=R), {"posted": "BORDER"}),
    "by": Option("day", each(R, sandbox=E, api=E, dataset=E, old=E)),
    "beside": Option(False, each(HOLDS, sandbox=E, api=E, dataset=E, old=E)),
}
TOTALS = {
    "tweet_ids": GATHER["tweet_ids"],
    "metrics": Option(["Likes"], each(E)),
    "posted": GATHER["posted"],
    "zone": GATHER["zone"],
}
RECENT = each(R, sandbox=E, api=E)
LAST_28_HOURS = {
    "tweet_ids": Option("IDS", RECENT),
    "by": Option("hour", RECENT),
    "metrics": Option(["Likes"], RECENT),
    "posted": Option("2026-10", RECENT),
    "zone": Option(KIRIBATI, RECENT, {"posted": "BORDER"}),
}
HISTORICAL = {
    **{name: GATHER[name] for name in ("start", "end", "period")},
    "by": Option("day", each(R, **STORED)),
    "tweet_ids": Option("IDS", each(R, **{**STORED, **TIMELINE})),
    "metrics": Option(["Likes"], each(R, **FETCHED, dataset=E, days=E)),
    "posted": Option("2026-10", each(R, **STORED)),
    "zone": Option(KIRIBATI, each(R, **FETCHED, dataset=E), {"posted": "BORDER"}),
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
        found = getattr(places.source(kind), method)(**options)
        figures, totals = found if isinstance(found, tuple) else (found, None)
        told, account = figures.about, figures.account
        rows = account.rows_used, sorted(account.rows_named.items())
        return figures.frame.to_csv(index=False), told.endpoint, told.by, totals is None, rows

    known = ANSWERS.setdefault(key([str(places.ids), kind, method, options]), [])
    if not known:
        known.append(outcome(call))
    return known[0]


ANSWERS: dict[str, list[tuple[str, Any]]] = {}
"""What was asked before, because cells share the question without their option."""


@pytest.mark.parametrize(("method", "name", "kind"), ROWS)
def test_each_option_takes_effect_or_is_refused(
    places: Places, method: str, name: str, kind: str
) -> None:
    option = METHODS[method][name]
    ids: dict[str, Any] = {}
    if kind in FETCHES and (name != "tweet_ids" or kind in ("api", "v2")):
        # The API lists no Tweets, and Posts of a month need Tweets of more than one.
        several = "posted" in (name, *option.beside) or name == "tweet_ids"
        ids = {"tweet_ids": places.spread[-25:] if several else places.some}
    base = {**ids, **option.beside}
    before = asked(
        places, kind, method, {n: v for n, v in base.items() if n != name or kind == "api"}
    )
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


# --- connect


def _figures(source: Source, places: Places) -> Any:
    ids = places.some if source.name in ("api", "v2") else None
    return source.totals(ids).frame.to_csv(index=False)


def _tried(source: Source, places: Places) -> str:
    """Whether figures come, or a refusal."""
    return outcome(lambda: source.totals(places.some))[0]


def _folder(source: Source, places: Places) -> Any:
    source.totals(places.some)
    return (Path(places.ids).parent / "kept").exists()


def _price(source: Source, places: Places) -> Any:
    return vars(source)["_timeline_price"]


def _handles(source: Source, places: Places) -> str:
    return outcome(lambda: source.historical(places.some))[0]


Look = Callable[[Source, Places], Any]
APIS: dict[str, str] = each(R, api=E, v2=E)
WORLDS: dict[str, str] = each(R, **{"sandbox": E, "sandbox-v2": E})
V2: dict[str, str] = each(R, **{"v2": E, "sandbox-v2": E})
PROFILE: dict[str, str] = each(R, **{**FETCHED, "api": R, "v2": R})
CONNECT: dict[str, tuple[Any, dict[str, str], Look]] = {
    "profile": ("sandbox_birch_2", PROFILE, lambda s, p: repr(s) if s.sandbox else _figures(s, p)),
    "dataset": ("KEPT", each(R, **FETCHED), _folder),
    "progress": (True, each(R, **FETCHED), lambda s, p: vars(s).get("_progress")),
    "max_handles": (0, each(R, sandbox=E, api=E), _handles),
    "deadline": (1e-9, APIS, lambda s, p: vars(s)["_client_options"]),
    "max_bytes": (1, APIS, lambda s, p: vars(s)["_client_options"]),
    "max_cost": (0, V2, _tried),
    "owns_app": (True, V2, _price),
    "seed": (3, WORLDS, _figures),
    "now": ("2026-10-02", WORLDS, lambda s, p: s.historical(p.some).about.end),
    "tweets": (40, WORLDS, _figures),
    "per_minute": (1, WORLDS, lambda s, p: vars(s)["_sandbox"].settings.per_minute),
}


def test_each_option_of_connect_has_a_row() -> None:
    """Fields of `Settings` are options of the sandbox only; its own tests show their effects."""
    own = [name for name in inspect.signature(connect).parameters if name not in ("where",)]
    of_kinds = {
        *WORLD,
        "per_minute",
        *(name for kind in sources.FETCHED.values() for name in kind.options),
    }
    assert sorted({*own, *of_kinds} - {"options"}) == sorted(CONNECT)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.startswith("sandbox")])
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
    """Options that limit how a request is sent are tried in the tests of the client."""
    # What was read before would cost nothing again.
    monkeypatch.setenv("ENGAGEMENT_LEDGER", str(tmp_path / "ledger"))
    value, cells, look = CONNECT[name]
    value = places.ids.parent / "kept" if value == "KEPT" else value

    def call(**options: Any) -> Any:
        with closing(connect(places[kind], **options)) as source:
            return look(source, places)

    shutil.rmtree(places.ids.parent / "kept", ignore_errors=True)
    after = outcome(lambda: call(**{name: value}))
    if cells[kind] == R:
        assert after[0] == "refuses", after
    else:
        assert after[0] == "gives", after
        shutil.rmtree(places.ids.parent / "kept", ignore_errors=True)
        assert after != outcome(call)
