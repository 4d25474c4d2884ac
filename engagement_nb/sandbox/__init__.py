"""The Engagement API on loopback, for those without keys and for tests: see `Sandbox`.

Its data are made up. It shares the contract's vocabulary with the client, and nothing more.
"""

from engagement_nb.sandbox.faults import FAULTS
from engagement_nb.sandbox.server import Sandbox
from engagement_nb.sandbox.settings import Settings
from engagement_nb.sandbox.world import KINDS, Truth

__all__ = ["FAULTS", "KINDS", "Sandbox", "Settings", "Truth"]
