"""Cal.com's rate limit as a client sees it (contract 2): buckets by credential, and the headers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """Which of Cal.com's buckets a request falls into."""

    API_KEY = "api_key"
    TOKEN = "token"  # noqa: S105 - a name, not a secret
    CLIENT = "client"
    ANONYMOUS = "anonymous"


TOKEN_LIMIT: Final = 500
"""Calls a minute for access tokens and OAuth clients."""


@dataclass(frozen=True, slots=True)
class Credential:
    """Who pays for a call. `bucket` is a digest: it names the payer without being the secret."""

    kind: Kind
    bucket: str


def credential(headers: Mapping[str, str]) -> Credential:
    """The bucket Cal.com will charge, in its own order: Authorization, then client id, then address.

    *headers* has lower-case names. All anonymous traffic of a gateway shares the one bucket of its
    address, so all of it is one credential here.
    """
    authorization = headers.get("authorization")
    if authorization:
        token = authorization.removeprefix("Bearer ").strip()
        return Credential(Kind.API_KEY if token.startswith("cal_") else Kind.TOKEN, _digest(token))
    client = headers.get("x-cal-client-id")
    if client:
        return Credential(Kind.CLIENT, _digest(client))
    return Credential(Kind.ANONYMOUS, Kind.ANONYMOUS.value)


def limit_of(kind: Kind, api_key_limit: int) -> int:
    """Calls allowed in a window; *api_key_limit* is what this deployment's keys were granted."""
    return TOKEN_LIMIT if kind in (Kind.TOKEN, Kind.CLIENT) else api_key_limit


@dataclass(frozen=True, slots=True)
class Told:
    """What an answer's headers say about the default bucket."""

    limit: int
    remaining: int
    reset_seconds: float


def told(headers: Mapping[str, str], now: float) -> Told | None:
    """Read the `-Default` headers; `None` when they are absent or not numbers.

    The reset is seconds left (contract 2); a copy of the documentation calls it a Unix time, so a
    value too large to be a delta is read as one.
    """
    try:
        limit = int(headers["x-ratelimit-limit-default"])
        remaining = int(headers["x-ratelimit-remaining-default"])
        reset = float(headers["x-ratelimit-reset-default"])
    except (KeyError, ValueError):
        return None
    if reset >= 1_000_000_000_000:
        reset = reset / 1000 - now
    elif reset >= 1_000_000:
        reset -= now
    return Told(limit, remaining, max(0.0, reset))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()[:16]
