"""One request to the Engagement API: hosts, credentials, pacing, sending, reading."""

from engagement_nb.client.sending import Client
from engagement_nb.client.wire import GROUPING, Request, Response

__all__ = ["GROUPING", "Client", "Request", "Response"]
