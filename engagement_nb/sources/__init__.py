"""Where metrics come from: the sandbox, the API, an export file, a dataset; used alike."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, overload

from engagement_nb.errors import InputError
from engagement_nb.sources.api import CLIENT_OPTIONS, ApiSource, api_profiles
from engagement_nb.sources.base import Source
from engagement_nb.sources.files import DatasetSource, ExportSource
from engagement_nb.sources.sandbox import SAMPLE, SandboxSource, sandbox_profiles

__all__ = [
    "SAMPLE",
    "ApiSource",
    "DatasetSource",
    "ExportSource",
    "SandboxSource",
    "Source",
    "connect",
    "sandbox_profiles",
]


@overload
def connect(
    where: Literal["sandbox"] = "sandbox",
    *,
    profile: str | Sequence[str] | None = None,
    dataset: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
    max_handles: int | None = None,
    seed: int | None = ...,
    now: datetime | str | None = ...,
    tweets: int | None = ...,
    per_minute: int | None = ...,
    **options: object,
) -> SandboxSource: ...


@overload
def connect(
    where: Literal["api"],
    *,
    profile: str | Sequence[str] | None = None,
    dataset: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
    max_handles: int | None = None,
    deadline: float = ...,
    max_bytes: int = ...,
) -> ApiSource: ...


@overload
def connect(
    where: str | os.PathLike[str],
    *,
    profile: str | Sequence[str] | None = None,
    dataset: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
    max_handles: int | None = None,
    **options: object,
) -> Source: ...


def connect(
    where: str | os.PathLike[str] = "sandbox",
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
        "sandbox" (made-up figures, no keys needed), "api" (with your keys), the path of an
        export file or of a folder of them, or the path or address of a dataset.
    profile
        Whose tokens: one name or several; all that are found unless given. For export files of
        several accounts, the handles to read.
    dataset
        Where the sandbox and the API keep what is fetched, so that a fetch can be cut off and
        gone on with; in memory without it.
    progress
        Whether fetches show a bar; None to show it where somebody can see it.
    max_handles
        Refuse, before anything is asked, a fetch that takes the handles of this billing month
        beyond so many. Going beyond the contract that `engagement_nb.usage` stores is warned of
        in any case.
    **options
        For the API: ``deadline`` (seconds) and ``max_bytes`` of one response, see
        `engagement_nb.client.Client`. For the sandbox: the fields of
        `engagement_nb.sandbox.Settings`. With ``seed``, ``now`` (an instant) and ``tweets``
        figures are the same on every machine and every day.

    Returns
    -------
    Source

    Raises
    ------
    CredentialsError
        For the API: no keys are found.
    InputError
        There is no such source, or an option that it does not take.

    Examples
    --------
    >>> with connect("sandbox") as source:
    ...     metrics = source.totals()
    >>> metrics.about.sandbox
    True
    """
    name = os.fspath(where)
    if name == "sandbox":
        return SandboxSource(
            profile=profile, dataset=dataset, progress=progress, max_handles=max_handles, **options
        )
    unknown = [option for option in options if name != "api" or option not in CLIENT_OPTIONS]
    if unknown:
        raise InputError(
            f"{', '.join(unknown)}: {name!r} has no such options.",
            advice="The API has deadline and max_bytes; the sandbox has those of its Settings.",
        )
    if name == "api":
        return ApiSource(
            api_profiles(profile),
            dataset=dataset,
            progress=progress,
            max_handles=max_handles,
            **options,
        )
    if "://" in name or Path(name, "dataset.json").exists():
        return DatasetSource(name)
    if not Path(name).expanduser().exists():
        raise InputError(
            f"There is no source {name!r}.",
            advice='Give "sandbox", "api", or the path of an export file, its folder or a dataset.',
        )
    handles = profile if isinstance(profile, str) else ",".join(profile or ())
    return ExportSource(name, handles)
