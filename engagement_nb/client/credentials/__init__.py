"""Tokens: where they are found, how they sign requests, how they are kept secret."""

from engagement_nb.client.credentials.lookup import (
    config_file,
    find_profile,
    find_profiles,
    known_secrets,
    places,
    redact,
)
from engagement_nb.client.credentials.profiles import Profile
from engagement_nb.client.credentials.secret import Secret

__all__ = [
    "Profile",
    "Secret",
    "config_file",
    "find_profile",
    "find_profiles",
    "known_secrets",
    "places",
    "redact",
]
