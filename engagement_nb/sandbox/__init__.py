"""The Engagement API on loopback, for users without keys and for tests: see `Sandbox`.

Its data are made up. It shares only the facts of the contract with the client.
"""

from engagement_nb.sandbox.faults import FAULTS
from engagement_nb.sandbox.server import STARTED_HERE, Sandbox
from engagement_nb.sandbox.settings import Settings
from engagement_nb.sandbox.world import KINDS, Truth

__all__ = ["FAULTS", "KINDS", "STARTED_HERE", "Sandbox", "Settings", "Truth"]
