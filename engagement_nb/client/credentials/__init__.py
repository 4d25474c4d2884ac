"""Tokens: where they are found, how they sign requests, how they are kept secret."""

from engagement_nb.client.credentials.lookup import (
    config_file,
    find_profile,
    find_profiles,
    places,
    redact,
)
from engagement_nb.client.credentials.profiles import Profile
from engagement_nb.client.credentials.secret import Secret
from engagement_nb.client.credentials.signing import auth_for
from engagement_nb.client.credentials.tokens import Tokens, TokenStore

__all__ = [
    "Profile",
    "Secret",
    "TokenStore",
    "Tokens",
    "auth_for",
    "config_file",
    "find_profile",
    "find_profiles",
    "places",
    "redact",
]
