"""Cal.com's rate limit as a client sees it (contract 2): buckets by credential, and the headers."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from calcom.paths import normalise


class Kind(StrEnum):
    """Which of Cal.com's buckets a request falls into."""

    API_KEY = "api_key"
    TOKEN = "token"  # noqa: S105 - a name, not a secret
    CLIENT = "client"
    ANONYMOUS = "anonymous"


TOKEN_LIMIT: Final = 500
"""Calls a minute for access tokens and OAuth clients."""

WINDOW: Final = 60.0
"""Seconds of Cal.com's window, and of its block."""


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
class Tier:
    """What one credential, or one kind of them, was granted: `calls` in a window and, if it is known, in a second."""

    calls: int
    pace: int | None = None


@dataclass(frozen=True, slots=True)
class Tiers:
    """Limits that differ from the usual, by kind or by the beginning of the digest."""

    named: tuple[tuple[str, Tier], ...] = ()

    def of(self, credential: Credential) -> Tier | None:
        """The tier of *credential*, `None` for the usual one. A digest says more than a kind, a longer one more."""
        fitting = [
            (len(name) if _DIGEST.fullmatch(name) else 0, tier)
            for name, tier in self.named
            if name == credential.kind.value
            or (_DIGEST.fullmatch(name) and credential.bucket.startswith(name))
        ]
        return max(fitting, key=lambda one: one[0])[1] if fitting else None


_MOST_CALLS: Final = 100_000
_DIGITS: Final = 16
_DIGEST: Final = re.compile(r"[0-9a-f]{8,64}")
_TIER: Final = re.compile(r"([a-z_]+|[0-9a-f]{8,64})\s*=\s*([0-9]{1,6})(?:@([0-9]{1,6}))?")


def tiers_of(text: str) -> Tiers:
    """Read `NAME=CALLS` or `NAME=CALLS@PACE`, with commas between; NAME is a kind, or at least eight hexadecimal
    digits that the SHA-256 of the key begins with.

    Raises ValueError. It quotes nothing: somebody may have given the key itself.
    """
    named: dict[str, Tier] = {}
    for number, one in enumerate((one.strip() for one in text.split(",") if one.strip()), 1):
        found = _TIER.fullmatch(one)
        name = found[1] if found else ""
        if found is None or not (name in set(Kind) or _DIGEST.fullmatch(name)):
            kinds = ", ".join(Kind)
            raise ValueError(
                f"entry {number} is not NAME=CALLS or NAME=CALLS@PACE, where NAME is one of {kinds}, or at least eight "
                "digits of the key's SHA-256 as `calgate budget` shows them; never the key itself"
            )
        calls, pace = int(found[2]), int(found[3]) if found[3] else None
        if not 1 <= calls <= _MOST_CALLS or (pace is not None and not 1 <= pace <= calls):
            raise ValueError(
                f"entry {number}: CALLS must be from 1 to {_MOST_CALLS}, and PACE from 1 to CALLS"
            )
        # Whoever pastes the whole digest means the same as with its beginning.
        name = name[:_DIGITS] if _DIGEST.fullmatch(name) else name
        if name in named:
            raise ValueError(f"entry {number} names a credential that an earlier one names")
        named[name] = Tier(calls, pace)
    return Tiers(tuple(named.items()))


@dataclass(frozen=True, slots=True)
class Side:
    """A limit of one endpoint: `limit` calls of a credential in `seconds`, in a bucket of their own."""

    name: str
    limit: int
    seconds: float = WINDOW


# Endpoints that do not touch the credential's own bucket (contract 2). Reading a booking's guests is limited like
# this in one snapshot of Cal.com only; counted with all others it can never be too many.
_ONE: Final = r"/v2/bookings/[^/]+"
_CODES: Final = r"/v2/(.+/)?verified-resources"
_SIDES: Final = tuple(
    (re.compile(methods), re.compile(path), side)
    for methods, path, side in (
        ("POST", _ONE + "/guests", Side("booking_guests_add", 5)),
        ("PATCH", _ONE + "/location", Side("booking_location_update", 5)),
        ("POST|DELETE", _ONE + "/attendees(/.*)?", Side("booking_attendees_add", 5)),
        ("POST", _CODES + "/emails/.*request", Side("verified_resources_emails", 5)),
        ("POST", _CODES + "/phones/.*request", Side("verified_resources_phones", 3)),
        ("DELETE", r"/v2/organizations/[^/]+/teams/[^/]+", Side("org_teams_delete", 1, 1.0)),
        ("DELETE", r"/v2/teams/[^/]+", Side("teams_delete", 1, 1.0)),
    )
)
_SIDE_NAME: Final = re.compile(r"booking_.*|.*verified_resources.*|(.*_)?teams_delete")


def side_of(method: str, path: str) -> Side | None:
    """The endpoint's own limit, or `None` where the credential's bucket is charged; *path* without its query."""
    if method in ("GET", "HEAD", "OPTIONS") or len(path) > 256:
        return None
    clean = normalise(path)
    for methods, paths, side in _SIDES:
        if methods.fullmatch(method) and paths.fullmatch(clean):
            return side
    return None


@dataclass(frozen=True, slots=True)
class Told:
    """What an answer's headers say about one limit; `name` in lower case, as in `default`."""

    name: str
    limit: int
    remaining: int
    reset_seconds: float

    @property
    def is_side(self) -> bool:
        """Whether it is one endpoint's limit rather than the credential's."""
        return _SIDE_NAME.fullmatch(self.name) is not None


_LIMIT_HEADER: Final = "x-ratelimit-limit-"


def told(headers: Mapping[str, str], now: float) -> tuple[Told, ...]:
    """Every complete triple of *headers* (lower-case names); those that are not numbers are passed over.

    A key with several limits of its own sends one triple for each. The reset is seconds left (contract 2); a
    copy of the documentation calls it a Unix time, so a value too large to be a delta is read as one.
    """
    found = []
    for header in headers:
        if not header.startswith(_LIMIT_HEADER):
            continue
        name = header.removeprefix(_LIMIT_HEADER)
        try:
            limit = int(headers[header])
            remaining = int(headers["x-ratelimit-remaining-" + name])
            reset = float(headers["x-ratelimit-reset-" + name])
        except (KeyError, ValueError):
            continue
        if reset >= 1_000_000_000_000:
            reset = reset / 1000 - now
        elif reset >= 1_000_000:
            reset -= now
        if limit > 0 and math.isfinite(reset):
            found.append(Told(name, limit, max(0, remaining), max(0.0, reset)))
    return tuple(found)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()[:_DIGITS]
