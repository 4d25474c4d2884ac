"""X API v2 as a source: Post lookup with private fields, and Post analytics."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Unpack

from engagement_nb.apis.engagement import EndpointName
from engagement_nb.apis.v2 import (
    ENV_V2_URL,
    LIVE_URL,
    PRICES,
    PRIVATE_FOR,
    TIMELINE_POSTS,
    TOTALS,
    V2,
)
from engagement_nb.client import Client, Request, Response
from engagement_nb.client.adapters.v2 import TimelineAdapter, V2Adapter
from engagement_nb.client.credentials import Profile, find_profiles
from engagement_nb.client.credentials.oauth2 import oauth2_profiles
from engagement_nb.client.hosts import Hosts
from engagement_nb.dataset import Dataset, Part
from engagement_nb.errors import CredentialsError, InputError
from engagement_nb.fetch import Plan, Run
from engagement_nb.fetch.part import part_of
from engagement_nb.fetch.run import sent
from engagement_nb.metrics import Metrics
from engagement_nb.sources.api import ApiSource
from engagement_nb.sources.options import Options, Posted
from engagement_nb.sources.sandbox import SandboxSource
from engagement_nb.words import counted


class V2Source(ApiSource):
    """X API v2 with the tokens of one or more users.

    ``totals()`` looks up Posts by id; without ids it reads the timeline of the first profile's
    user, of the last 30 days, because private figures exist for as long. ``historical()`` asks
    Post analytics, which needs an Enterprise contract.

    Parameters
    ----------
    profiles
        Whose tokens may be used.
    max_cost
        US dollars: a fetch that could cost more is refused before its first request.
    owns_app
        Whether the first profile's user owns the app, so that reading the own timeline has the
        lower price.
    **options
        As for `ApiSource`.
    """

    name = "v2"
    default_span = "life"
    lists_own = True
    options = (*ApiSource.options, "max_cost", "owns_app")
    _adapter = V2Adapter

    def __init__(
        self,
        *profiles: Any,
        max_cost: float | None = None,
        owns_app: bool = False,
        **options: Any,
    ) -> None:
        if options.get("max_handles") is not None:
            raise InputError(
                "X API v2 has no option max_handles: no contract counts its handles.",
                advice="Use max_cost.",
            )
        super().__init__(*profiles, **options)
        self._max_cost = max_cost
        self._timeline_price = PRICES.owned if owns_app else PRICES.post
        self._pages: list[Response] = []

    @classmethod
    def known_profiles(cls, names: Sequence[str] | None = None) -> list[Profile]:
        """Users who signed in by OAuth 2.0, then those with OAuth 1.0a.

        Raises
        ------
        CredentialsError
            One of the names is unknown.
        """
        wanted = None if names is None else {name.lower().lstrip("@"): name for name in names}
        signed_in = [
            profile
            for profile in oauth2_profiles(V2, v2_hosts())
            if wanted is None or wanted.pop(profile.name, "")
        ]
        rest = None if wanted is None else [*wanted.values()]
        others = [] if rest == [] else find_profiles(rest)
        known = {profile.name for profile in signed_in}
        return signed_in + [replace(p, hosts=v2_hosts(p)) for p in others if p.name not in known]

    def plan(
        self,
        tweet_ids: Any = None,
        endpoint: EndpointName | str = "totals",
        **options: Any,
    ) -> Plan:
        """Plan a fetch: see `ApiSource.plan`. Its hints tell the price.

        Raises
        ------
        InputError
            There are no ids, because finding them costs money; it is over ``max_cost``; and as
            in `ApiSource.plan`.
        """
        if tweet_ids is None:
            most = TIMELINE_POSTS * self._timeline_price
            raise InputError(
                "X API v2 lists your Posts only by reading them, and a plan spends nothing.",
                advice="Give ids. Or fetch without a plan: the timeline has at most"
                f" {TIMELINE_POSTS:,} Posts, which cost at most ${most:,.2f}.",
            )
        return self._guarded(super().plan(tweet_ids, endpoint, **options))

    def _plan(self, *asked: Any, **more: Any) -> Plan:
        plan = super()._plan(*asked, **more)
        return replace(plan, hints=(*plan.hints, *self._price(plan)))

    def tweet_ids(self, kind: str = "own", count: int | None = None) -> list[str]:
        """List the user's own Posts of the last 30 days, newest first, from the timeline.

        Each of them is billed, and its figures are kept for the next `totals`.
        """
        if kind != "own":
            return super().tweet_ids(kind, count)
        return self._own(self._present() - PRIVATE_FOR)[:count]

    def snapshot(self, dataset: Dataset) -> Run | None:
        """Keep today's totals of the Posts of the last 30 days, once per UTC day.

        Private figures end after 30 days, and a dataset with snapshots outlives that.

        Returns
        -------
        Run or None
            None if the dataset has a finished snapshot of today.
        """
        today = f"{self._present():%Y-%m-%d}"
        if any(run.snapshot == today and run.done for run in dataset.runs()):
            return None
        return self.fetch_into(dataset, TOTALS.name, snapshot=today)

    def _offered(self, posted: Posted | None) -> list[str]:
        if posted is None:
            return self.tweet_ids()
        return self._own(None)

    def _own(self, start: datetime | None) -> list[str]:
        """The user's Posts from a moment on; their figures come with them."""
        profile = self.profiles[0]
        if not profile.user_id:
            raise CredentialsError(
                f"The user of profile {profile.name!r} is not known, so there is no timeline.",
                advice="Sign in again: engagement-nb auth login --v2; or give ids.",
            )
        self._refuse_over(TIMELINE_POSTS * self._timeline_price, "Your timeline", at_most=True)
        adapter = TimelineAdapter(profile.user_id, start)
        options = {"recorder": self._record_page, "now": self._present, **self._client_options}
        request = Request("timeline", (), TOTALS.metrics, profile)
        with Client(adapter, **options) as client:
            self._pages = [sent(lambda: client.send(request))]
            while adapter.token:
                self._pages.append(sent(lambda: client.send(request)))
        ids = [tweet_id for page in self._pages for tweet_id in page.request.tweet_ids]
        self._owners.update(dict.fromkeys(ids, profile.user_id))
        return list(dict.fromkeys(ids))

    def _parts(self, plan: Plan) -> Iterable[Part]:
        """The pages of the timeline, if the plan asks for what they have."""
        pages, self._pages = self._pages, []
        if not plan.question.endpoint.of_life or not {*plan.question.offered} <= {*TOTALS.metrics}:
            return ()
        wanted, parts = {*plan.tweet_ids}, []
        for page in pages:
            # A page may have Posts that nobody asked for.
            asked = tuple(tweet_id for tweet_id in page.request.tweet_ids if tweet_id in wanted)
            if asked:
                page = replace(page, request=replace(page.request, tweet_ids=asked))
                parts.append(part_of(page, V2, plan.question.asked_at))
        return parts

    def _record(self, response: Response) -> None:
        if V2.endpoint(response.request.endpoint).of_life:
            self._record_page(response, PRICES.post)

    def _record_page(self, page: Response, price: float | None = None) -> None:
        price = self._timeline_price if price is None else price
        self.ledger.record_reads(page.groups, page.read_at, price=price, sandbox=self.sandbox)

    def _billed(self) -> dict[str, float]:
        """What was billed for each Post today."""
        return self.ledger.reads_of(self._present(), sandbox=self.sandbox)

    def _price(self, plan: Plan) -> list[str]:
        """What a plan costs, in sentences."""
        if not plan.question.endpoint.of_life:
            return ["Post analytics has no price for each Post; it needs an Enterprise contract."]
        price, cost = PRICES.post, self._cost(plan)
        billed = self._billed()
        again = sum(tweet_id in billed for tweet_id in plan.tweet_ids)
        said = [
            f"Price: {counted(len(plan.tweet_ids), 'Post')} at ${price:g} each, at most"
            f" ${cost:,.2f} more today (prices of {PRICES.read_on}, {PRICES.source})."
        ]
        if again:
            said.append(
                f"{counted(again, 'Post')} were read today already; a Post is billed once per UTC"
                " day."
            )
        if len(plan.tweet_ids) + len(billed) > PRICES.cap:
            said.append(f"This is over the cap of {PRICES.cap:,} Posts per month.")
        return said

    def _guarded(self, plan: Plan) -> Plan:
        """Refuse a plan that could cost more than ``max_cost``."""
        if plan.question.endpoint.of_life:
            self._refuse_over(self._cost(plan), counted(len(plan.tweet_ids), "Post"))
        return plan

    def _cost(self, plan: Plan) -> float:
        """What the Posts cost that the timeline has not just given."""
        seen = {tweet_id for page in self._pages for tweet_id in page.request.tweet_ids}
        rest, billed, price = {*plan.tweet_ids} - seen, self._billed(), PRICES.post
        return sum(max(0.0, price - billed.get(tweet_id, 0.0)) for tweet_id in rest)

    def _refuse_over(self, cost: float, what: str, *, at_most: bool = False) -> None:
        if self._max_cost is not None and cost > self._max_cost + 1e-9:
            could = "could cost" if at_most else "would cost"
            less = "Give ids, say that you own the app (owns_app)" if at_most else "Give fewer ids"
            raise InputError(
                f"{what} {could} ${cost:,.2f}, over the limit of ${self._max_cost:,.2f}"
                " (max_cost). Nothing was requested.",
                advice=f"{less}, or raise the limit.",
            )

    def _fetch(self, endpoint: str, tweet_ids: Any, **question: Unpack[Options]) -> Metrics:
        metrics = super()._fetch(endpoint, tweet_ids, **question)
        options = {"api": V2.name, **metrics.account.options}
        return replace(metrics, account=replace(metrics.account, options=options))


class V2SandboxSource(V2Source, SandboxSource):
    """X API v2 of the sandbox, on the same made-up world as its Engagement API."""


def v2_hosts(profile: Profile | None = None) -> Hosts:
    """The host of X API v2: of ``ENGAGEMENT_V2_URL``, else a profile's sandbox, else the live one.

    A sandbox serves both APIs, so its made-up tokens are not sent to X.
    """
    url = os.environ.get(ENV_V2_URL, "").rstrip("/")
    if not url and profile is not None and profile.hosts.sandbox:
        url = profile.hosts.api
    url = url or LIVE_URL
    return Hosts(url, url)
