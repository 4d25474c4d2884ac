"""Sources of metrics: the sandbox, the API, export files, datasets. All have the same methods."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, overload

from engagement_nb.errors import CredentialsError, InputError
from engagement_nb.sources.api import ApiSource
from engagement_nb.sources.base import Source
from engagement_nb.sources.datasets import DatasetSource
from engagement_nb.sources.files import TableSource
from engagement_nb.sources.sandbox import (
    SAMPLE,
    WORLD,
    SandboxSource,
    ask_sandbox,
    sandbox_profiles,
)
from engagement_nb.sources.v2 import V2SandboxSource, V2Source
from engagement_nb.words import listed

__all__ = [
    "FETCHED",
    "SAMPLE",
    "ApiSource",
    "DatasetSource",
    "SandboxSource",
    "Source",
    "TableSource",
    "V2Source",
    "ask_sandbox",
    "connect",
    "sandbox_profiles",
]


FETCHED: dict[str, type[ApiSource]] = {
    "sandbox": SandboxSource,
    "api": ApiSource,
    "v2": V2Source,
    "sandbox-v2": V2SandboxSource,
}
"""Sources whose figures are fetched, by the words that `connect` takes."""


@overload
def connect(where: Literal["sandbox"] = "sandbox", **options: Any) -> SandboxSource: ...


@overload
def connect(where: Literal["api"], **options: Any) -> ApiSource: ...


@overload
def connect(where: Literal["v2"], **options: Any) -> V2Source: ...


@overload
def connect(where: Any, **options: Any) -> Source: ...


def connect(
    where: Any = "sandbox",
    *,
    profile: str | Sequence[str] | None = None,
    dataset: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
    max_handles: int | None = None,
    **options: Any,
) -> Source:
    """Open a source of metrics.

    Parameters
    ----------
    where
        "sandbox" (made-up figures, no keys needed), "api" (the Engagement API, with your keys),
        "v2" (X API v2, with your keys), "sandbox-v2" (the sandbox's copy of X API v2), a table
        of figures (the path of a file or of a folder of them, an open file, or a DataFrame: see
        `engagement_nb.read_table`), or the path or address of a dataset.
    profile
        Whose tokens to use: one name or several; by default all that are stored. For export
        files of several accounts, the handles to read. Datasets refuse it.
    dataset
        Folder or address that keeps the figures of the sandbox and the API, so that an
        interrupted fetch can be resumed; by default they are in memory only. This option and
        the next two are for the sandbox and the API.
    progress
        Whether fetches show a progress bar; by default on a terminal and in a notebook.
    max_handles
        Refuse a fetch, before its first request, if it takes the handles of this billing month
        over this number. A fetch over the contract in the usage ledger always warns.
    **options
        For both APIs: ``deadline`` (seconds) and ``max_bytes`` of one response, see
        `engagement_nb.client.Client`. For X API v2: ``max_cost`` (US dollars) and ``owns_app``,
        see `engagement_nb.sources.v2.V2Source`. For the sandbox: the fields of
        `engagement_nb.sandbox.Settings`. With ``seed``, ``now`` (an instant) and ``tweets``,
        figures are the same on every machine and every day.

    Returns
    -------
    Source

    Raises
    ------
    CredentialsError
        For the API: there are no keys.
    InputError
        The source does not exist, or it does not have an option.

    Examples
    --------
    >>> with connect("sandbox") as source:
    ...     metrics = source.totals()
    >>> metrics.about.sandbox
    True
    """
    name = os.fspath(where) if isinstance(where, str | os.PathLike) else ""
    names = [profile] if isinstance(profile, str) else profile
    common: dict[str, Any] = {"dataset": dataset, "progress": progress, "max_handles": max_handles}
    # Notebooks and commands also pass default values.
    unset = (*WORLD, "max_cost", "owns_app")
    options = {
        n: v for n, v in options.items() if n not in unset or not (v in (None, "") or v is False)
    }
    if kind := FETCHED.get(name):
        if issubclass(kind, SandboxSource):
            return kind(profile=names, **common, **options)
        api = kind.asks()
        _refuse(options, api.title, f"It has {listed([*kind.options])}.", *kind.options)
        if not (profiles := kind.known_profiles(names)):
            raise CredentialsError(
                f"No keys for {api.title} were found in the environment, in .env or in your config"
                " folder.",
                advice=f"Store yours with {api.login}, or open the sandbox, which needs none.",
            )
        return kind(profiles, **common, **options)
    options |= {option: value for option, value in common.items() if value is not None}
    path = Path(name).expanduser()
    if name and ("://" in name or (path / "dataset.json").exists()):
        options |= {"profile": names} if names else {}
        _refuse(options, f"The dataset {name}", "Give ids to choose Tweets; fetch to add to it.")
        return DatasetSource(name if "://" in name else path)
    if not path.exists():
        raise InputError(
            f"There is no source {name!r}.",
            advice='Give "sandbox", "api", "v2", or the path of a file, a folder or a dataset.',
        )
    advice = "It has profile; the others are for the sandbox and the API."
    _refuse(options, name or "A table", advice)
    return TableSource(name or where, ",".join(names or ()))


def _refuse(options: Mapping[str, Any], source: str, advice: str, *known: str) -> None:
    """Refuse options that a source does not have."""
    if unknown := [option for option in options if option not in known]:
        raise InputError(f"{source} has no option {', '.join(unknown)}.", advice=advice)
