"""One request to the Engagement API: hosts, credentials, pacing, sending, reading."""

from engagement_nb.client.sending import GROUPING, Answer, Client, Request, Sent

__all__ = ["GROUPING", "Answer", "Client", "Request", "Sent"]
