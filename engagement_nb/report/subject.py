"""What a report is about: its source, its Tweets, what to fetch for it, and its parameters.

The command ``report`` and a row of a manifest become a `Subject` by the same function, so both
take and refuse the same options.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from engagement_nb.apis.engagement import ENGAGEMENT, ENV_API_URL
from engagement_nb.errors import InputError
from engagement_nb.metrics.periods import dates_of, parse_moment
from engagement_nb.report.notebooks import BY_DAY, EXPLORE, FETCH, NotebookFile
from engagement_nb.sources import FETCHED, ApiSource, SandboxSource, connect
from engagement_nb.sources.options import checked
from engagement_nb.store import Store
from engagement_nb.tables import read_table
from engagement_nb.tables.ids import IdList, read_ids

_WORLD = ("seed", "now", "tweets", "count", "awkward")
"""Options of the sandbox only."""
_COST = ("max_cost", "owns_app")
"""Options of an API that bills each Post."""
_DATES = ("start", "end", "period")
_SHARED = ("zone", "posted")
"""Options that mean something for the notebook that fetches and the one that explores."""
_OF_PIPELINE = ("source", "tables", "before", "ids_kept", "snapshot")
"""Parameters that a report sets itself."""
_LEFT_OUT: dict[str, Any] = {
    "profile": "", "endpoint": "historical", "start": "", "end": "", "by": "", "period": "",
    "posted": "", "zone": "", "seed": None, "now": "", "tweets": None, "count": None,
}  # fmt: skip
"""What chooses the figures of a fetch, and its values where they are left out."""


@dataclass(frozen=True)
class Fetch:
    """What to fetch, once for all subjects that share it.

    Parameters
    ----------
    source
        One of `FETCHED`.
    notebook
        The notebook that fetches.
    chosen
        Its parameters, by name.
    """

    source: str
    notebook: NotebookFile
    chosen: Mapping[str, Any]

    @property
    def identity(self) -> dict[str, Any]:
        """What chooses the figures, by name."""
        return {"source": self.source} | {k: self.chosen.get(k, v) for k, v in _LEFT_OUT.items()}

    @property
    def takes_period(self) -> bool:
        """Whether the figures are of a period that can be chosen."""
        return FETCHED[self.source].asks().endpoint(self.identity["endpoint"]).takes_period

    @property
    def made_up(self) -> bool:
        """Whether the figures are those of a sandbox's world."""
        return issubclass(FETCHED[self.source], SandboxSource)

    def parameters(self) -> dict[str, Any]:
        """Parameters of the notebook that fetches, apart from those at their defaults."""
        told = {k: v for k, v in self.identity.items() if k == "by" or v not in (None, "")}
        return {**told, **{k: v for k, v in self.chosen.items() if k not in _LEFT_OUT}}

    def world(self) -> list[Any]:
        """What chooses the world of the figures."""
        return [self.identity[name] for name in ("source", "seed", "now", "tweets")]

    def dates(self, now: datetime) -> dict[str, str]:
        """Its period as two moments, empty if it names none.

        They are counted from the moment of the sandbox's world, or from ``now``.
        """
        if not self.takes_period:
            return {}
        asked = self.identity
        if asked["now"]:
            now = parse_moment(asked["now"], "now") or now
        elif self.made_up and asked["period"] and os.environ.get(ENV_API_URL):
            with closing(connect(self.source)) as source:
                assert isinstance(source, SandboxSource)  # noqa: S101 - for the type checker
                now = source.now or now
        start, end = dates_of(asked["start"], asked["end"], asked["period"], asked["zone"], now)
        found = {"start": start, "end": end}
        moments = {name: moment.isoformat() for name, moment in found.items() if moment}
        return {**moments, "period": ""} if moments else {}


@dataclass(frozen=True)
class Inputs:
    """What a subject reads before anything is started.

    Parameters
    ----------
    ids
        The listed Tweets; None without a list.
    kind
        "fetch", "dataset", "posts" (a file by Post) or "days" (a file by day).
    broken
        Why an input cannot be read.
    """

    ids: IdList | None
    kind: str
    broken: str = ""


@dataclass(frozen=True)
class Subject:
    """What one report is about.

    Parameters
    ----------
    name, title
        Of the report.
    source
        Path or address of an export or a dataset; empty if `fetch` makes one.
    ids_file
        Path or address of its list of Tweets; empty for all of the source.
    inputs
        What was read of them.
    fetch
        What to fetch; None if it has a source.
    notebook
        The notebook that explores.
    parameters
        Of the notebook that explores.
    """

    name: str
    title: str
    source: str
    ids_file: str
    inputs: Inputs
    fetch: Fetch | None
    notebook: NotebookFile
    parameters: Mapping[str, Any]


def read_inputs(source: str, ids: str = "", profile: str = "") -> Inputs:
    """Read what a report needs, to find errors before anything is started.

    Parameters
    ----------
    source
        One of `FETCHED`, or a path or address.
    ids
        Path or address of a list of ids; empty for none.
    profile
        Whose tokens, or the account if export files have several.

    Raises
    ------
    EngagementError
        The source or the ids cannot be read.
    """
    listed = read_ids(ids) if ids else None
    if source in FETCHED:
        if not issubclass(FETCHED[source], SandboxSource):
            connect(source, profile=profile or None).close()
        return Inputs(listed, "fetch")
    if Store(source).exists("dataset.json"):
        return Inputs(listed, "dataset")
    by_day = read_table(source, profile).about.kind in ("overview", "video")
    return Inputs(listed, "days" if by_day else "posts")


def ask(
    source: str,
    values: Mapping[str, Any],
    inputs: Inputs,
    find: Callable[[str], NotebookFile],
    *,
    name: str = "",
    title: str = "",
    ids_file: str = "",
    columns: Sequence[str] = (),
) -> Subject:
    """Turn options into a subject; each takes effect or is refused.

    Parameters
    ----------
    source
        One of `FETCHED`, or a path or address.
    values
        Options of the fetch and parameters of the notebooks, by name.
    inputs
        See `read_inputs`.
    find
        Finds a notebook by its name.
    name, title, ids_file
        See `Subject`.
    columns
        Columns of the manifest, if the options are of one.

    Raises
    ------
    InputError
        An option is unknown, cannot be read, or means nothing for this source.
    """
    fetched = inputs.kind == "fetch"
    fetching = find(FETCH) if fetched else None
    notebook = find(BY_DAY if inputs.kind == "days" else EXPLORE)
    known = [*(fetching.parameters if fetching else ()), *notebook.parameters]
    for option in values:
        if option in _OF_PIPELINE:
            raise InputError(
                f"{option} is not an option of a report.", advice="Leave it out: a report sets it."
            )
        if option not in known and option not in _NOT_FOR[inputs.kind]:
            near = difflib.get_close_matches(option, [*columns, *known], 1)
            there = ", ".join(dict.fromkeys(columns or known))
            raise InputError(
                f"No notebook has a parameter {option!r}.",
                advice=f"Did you mean {near[0]!r}?" if near else f"There are: {there}.",
            )
    if not inputs.broken:
        _refuse(source, values, inputs)
    fetch = None
    if fetching:
        of_fetch = {k: v for k, v in values.items() if k in fetching.parameters}
        fetch = Fetch(
            source, fetching, {"endpoint": endpoint_of(source), **fetching.check(of_fetch)}
        )
    explore = {
        option: value
        for option, value in values.items()
        if option in notebook.parameters
        and (fetching is None or option in _SHARED or option not in fetching.parameters)
    }
    return Subject(
        name=name,
        title=title,
        source="" if fetched else source,
        ids_file=ids_file,
        inputs=inputs,
        fetch=fetch,
        notebook=notebook,
        parameters=notebook.check(explore),
    )


_NOT_FOR: dict[str, tuple[str, ...]] = {
    "fetch": (),
    "dataset": (*_WORLD, *_COST, "profile", "dataset", "with_totals"),
    "posts": (*_WORLD, *_COST, *_DATES, "endpoint", "by", "dataset", "with_totals"),
    "days": (*_WORLD, *_COST, "posted", "endpoint", "zone", "dataset", "with_totals"),
}
"""Options that mean nothing for a kind of source."""
_HAS = {
    "dataset": "A dataset has the figures that were fetched into it",
    "posts": "An export file has all figures since each Post was posted",
    "days": "A file by day has one row per day of the account",
}


def _refuse(source: str, values: Mapping[str, Any], inputs: Inputs) -> None:
    """Refuse options that mean nothing for this source."""
    if lost := [option for option in values if option in _NOT_FOR[inputs.kind]]:
        raise InputError(
            f"{_HAS[inputs.kind]}, so {', '.join(lost)} cannot be chosen.",
            advice="Leave it out, or fetch from the sandbox or the API.",
        )
    kind = FETCHED.get(source)
    world = [option for option in values if option in _WORLD]
    if kind and world and not issubclass(kind, SandboxSource):
        raise InputError(f"{', '.join(world)}: only the sandbox has a world to choose.")
    api = kind.asks() if kind else ENGAGEMENT
    if not api.bills_reads and (cost := [option for option in values if option in _COST]):
        raise InputError(f"{', '.join(cost)}: only an API that bills each Post has a price.")
    if inputs.kind == "days" and inputs.ids is not None:
        raise InputError(
            "A file by day has figures of the whole account, so no Tweets can be chosen.",
            advice="Leave out the ids, or give files by Post (account_analytics_content_...).",
        )
    endpoint = str(values.get("endpoint") or endpoint_of(source))
    facts = api.endpoint(endpoint)
    by = values.get("by") or ""
    if inputs.kind != "days" and by not in ("", *facts.steps):
        raise InputError(f"{endpoint} is not given by {by!r}.", advice="day or hour, or empty.")
    if inputs.kind in ("fetch", "dataset"):
        checked(endpoint, facts.span, {option: values.get(option) for option in _DATES})
        start, end, period, zone = (str(values.get(each) or "") for each in (*_DATES, "zone"))
        first, after = dates_of(start, end, period, zone, datetime.now(UTC))
        if first is not None and after is not None and first >= after:
            raise InputError("The period ends before it starts.", advice="end is the day after.")


def endpoint_of(source: str) -> str:
    """The endpoint to ask where none is chosen."""
    return FETCHED.get(source, ApiSource).tells_best().name
