"""One request to the Engagement API: hosts, credentials, pacing, sending, reading."""

from engagement_nb.client.request import Request, Response
from engagement_nb.client.sending import Client

__all__ = ["Client", "Request", "Response"]
