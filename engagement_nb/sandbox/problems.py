"""How API v2 tells what is wrong: its problem documents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engagement_nb.sandbox.messages import RefusedError

HOST = "api.x.com"
TYPES = "https://{}/2/problems/"
"""Address of the types, by host."""
_ONLY_SAID = ("used", "supported")
"""Values that are in the detail and no members of the document."""


@dataclass(frozen=True)
class Problem:
    """One kind of problem.

    Parameters
    ----------
    status
        HTTP status; 200 if the rest of the response has data.
    title, type, detail
        Of the document. A type that is not "about:blank" is the last part of an address. The
        detail has ``{names}`` to fill in.
    """

    status: int
    title: str
    type: str
    detail: str

    def document(self, **values: Any) -> dict[str, Any]:
        """Give the document, with further members; those that the detail names are in it, too."""
        kind = self.type if self.type == "about:blank" else TYPES.format(HOST) + self.type
        detail = self.detail.format(**values)
        told = {name: value for name, value in values.items() if name not in _ONLY_SAID}
        return {**told, "title": self.title, "detail": detail, "type": kind}

    def error(self, **values: Any) -> RefusedError:
        """Make the refusal of a whole request, with further members of its document."""
        document = {**self.document(**values), "status": self.status}
        return RefusedError(self.status, self.title, document=document)

    def about(
        self, number: int, parameter: str, *, resource_type: str = "tweet", **values: Any
    ) -> dict[str, Any]:
        """Give the document of a problem with one Post or user."""
        return self.document(
            resource_type=resource_type, resource_id=str(number), parameter=parameter, **values,
            value=str(number),
        )  # fmt: skip


# fmt: off
_NO_CREDIT = "Your enrolled account does not have any credits to fulfill this request."
_NO_PROJECT = (
    "When authenticating requests to the Twitter API v2 endpoints, you must use keys and tokens "
    "from a Twitter developer App that is attached to a Project. You can create a project via "
    "the developer portal."
)
_ONLY_WITH = "Authenticating with {used} is forbidden for this endpoint.  Supported authentication"
_SORRY = "Sorry, you are not authorized to"
_ON = "on the {resource_type} with {parameter} : [{value}]."
INVALID = Problem(
    400, "Invalid Request", "invalid-request", "One or more parameters to your request was invalid."
)
UNAUTHORIZED = Problem(401, "Unauthorized", "about:blank", "Unauthorized")
NO_CREDITS = Problem(402, "CreditsDepleted", "credits-depleted", _NO_CREDIT)
FORBIDDEN = Problem(403, "Forbidden", "about:blank", "Forbidden")
WRONG_KIND = Problem(
    403, "Unsupported Authentication", "unsupported-authentication",
    f"{_ONLY_WITH} types are [{{supported}}].",
)
NOT_ENROLLED = Problem(403, "Client Forbidden", "client-forbidden", _NO_PROJECT)
NO_OAUTH1 = Problem(
    403, "Forbidden", "oauth1-permissions",
    "Your client app is not configured with the appropriate oauth1 app permissions for this "
    "endpoint.",
)
SPEND_CAP = Problem(
    403, "SpendCapReached", "spend-cap-reached",
    "Your enrolled account has reached its billing cycle spend cap.",
)
TOO_MANY = Problem(429, "Too Many Requests", "about:blank", "Too Many Requests")
USAGE_CAP = Problem(
    429, "UsageCapExceeded", "usage-capped", "Usage cap exceeded: Monthly product cap"
)
IN_TROUBLE = Problem(503, "Service Unavailable", "about:blank", "Service Unavailable")
NOT_FOUND = Problem(
    200, "Not Found Error", "resource-not-found",
    "Could not find {resource_type} with {parameter}: [{value}].",
)
NOT_YOURS = Problem(
    200, "Authorization Error", "not-authorized-for-resource",
    f"{_SORRY} see the {{resource_type}} with {{parameter}}: [{{value}}].",
)
NO_FIELD = Problem(
    200, "Field Authorization Error", "not-authorized-for-field",
    f"{_SORRY} access '{{field}}' {_ON}",
)
# fmt: on
