"""What a request is about, from its method and path alone (contract 1, 5.1, 6).

Widening is always right: a write nobody recognises is taken to touch availability, a read nobody
recognises is passed through and never cached.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final
from urllib.parse import unquote


class Route(StrEnum):
    """The classes of traffic that metrics, limits and the cache tell apart."""

    SLOTS = "slots"
    SLOTS_LEGACY = "slots_legacy"
    BOOKINGS_READ = "bookings_read"
    BOOKINGS_WRITE = "bookings_write"
    EVENT_TYPES = "event_types"
    SCHEDULES = "schedules"
    OTHER_READ = "other_read"
    OTHER_WRITE = "other_write"


class Breaker(StrEnum):
    """The endpoint classes that fail, and are judged, together."""

    READS = "reads"
    SLOTS = "slots"
    WRITES = "writes"


@dataclass(frozen=True, slots=True)
class Classified:
    """One request, classified.

    `is_write` tells whether the call may change anything upstream, `touches_slots` whether it may
    change what is bookable, `reads_slots` whether times are computed for its answer.
    """

    route: Route
    endpoint: str
    breaker: Breaker
    is_write: bool
    touches_slots: bool
    reads_slots: bool


SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})

_RESOURCES: Final = {
    "slots": "slots",
    "bookings": "bookings",
    "event-types": "event_types",
    "schedules": "schedules",
    "calendars": "calendars",
    "selected-calendars": "calendars",
    "destination-calendars": "calendars",
}

# Writes that leave every slot where it was (contract 5.1 and the last row of 6.1).
_IN: Final = r"(organizations/\d+/)?(teams/\d+/)?(event-types/\d+/)?(oauth-clients/[^/]+/)?"
_HARMLESS: Final = (
    re.compile(rf"/v2/{_IN}webhooks(/[^/]+)?"),
    re.compile(r"/v2/event-types/[^/]+/private-links(/[^/]+)?"),
    re.compile(r"/v2/bookings/[^/]+/(mark-absent|mark-no-show)"),
    re.compile(r"/v2/bookings/[^/]+/location"),
    re.compile(r"/v2/api-keys/refresh"),
    re.compile(r"/v2/auth/oauth2/.+"),
    re.compile(r"/v2/oauth/[^/]+/refresh"),
    re.compile(r"/v2/oauth-clients/[^/]+/users/[^/]+/force-refresh"),
    re.compile(rf"/v2/{_IN}routing-forms/[^/]+/(calculate-slots|responses)"),
    re.compile(rf"/v2/{_IN}(verified-resources|conferencing|workflows)(/.*)?"),
)

# What no server on the way reads as anything else than we do. Of any other path only the worst is believed.
_PLAIN: Final = re.compile(r"[A-Za-z0-9/_-]+")

# GETs that write: OAuth callbacks and the like (contract 6.1). None may be cached, these touch slots.
_WRITING_GETS: Final = re.compile(r"/v2/(.+/)?calendars/[^/]+/(connect|save)")

_OFFERING_POSTS: Final = re.compile(r"/v2/(.+/)?routing-forms/[^/]+/(calculate-slots|responses)")


def normalise(path: str) -> str:
    """The path Cal.com routes by, after the rewrites its server does (contract 1).

    Percent-escapes are resolved, case is folded, backslashes are slashes as edges read them, and empty segments are
    dropped, so that no spelling of a path can slip past a rule. Only for deciding: what is forwarded is what the
    client sent.
    """
    parts = [part for part in unquote(path).lower().replace("\\", "/").split("/") if part]
    if parts[:2] == ["api", "v2"]:
        parts = parts[1:]
    if parts[:2] == ["v2", "ee"]:
        parts = ["v2", *parts[2:]]
    return ("/" + "/".join(parts)).replace("reccuring", "recurring")


def is_plain(path: str) -> bool:
    """Whether *path* has nothing in it that somebody on the way may read differently: escapes, backslashes, dots."""
    return _PLAIN.fullmatch(path) is not None


def climbs(path: str) -> bool:
    """Whether *path* has dot segments in any spelling, by which it may come out elsewhere than it seems to go."""
    # Nearly every path has neither dot nor escape, and need not be taken apart for this.
    odd = "." in path or "%" in path
    return odd and any(part in (".", "..") for part in normalise(path).split("/"))


def classify(method: str, path: str) -> Classified:
    """Classify a request; *path* without its query, as sent or normalised."""
    # Only what is short is remembered: long nonsense would fill the memory.
    return _remembered(method, path) if len(path) <= 128 else _classify(method, path)


def _classify(method: str, path: str) -> Classified:
    clean = normalise(path)
    parts = clean.split("/")
    resource = parts[2] if len(parts) > 2 else ""
    endpoint = _RESOURCES.get(resource, "other")
    safe = method in SAFE_METHODS
    # A HEAD runs what a GET runs, but for the body of the answer.
    writes_by_get = method in ("GET", "HEAD") and _WRITING_GETS.fullmatch(clean) is not None
    is_write = not safe or writes_by_get
    if clean in ("/v2/slots", "/v2/slots/available") and safe:
        route = Route.SLOTS if clean == "/v2/slots" else Route.SLOTS_LEGACY
        return Classified(route, "slots", Breaker.SLOTS, False, False, method != "OPTIONS")
    offers = _OFFERING_POSTS.fullmatch(clean) is not None
    # An escaped slash is part of an id to Cal.com, so only a plain path proves a write harmless.
    harmless = is_plain(path) and any(rule.fullmatch(clean) for rule in _HARMLESS)
    touches = writes_by_get or (not safe and not harmless)
    return Classified(
        route=_route(endpoint, is_write=is_write),
        endpoint=endpoint,
        breaker=Breaker.WRITES if is_write else Breaker.READS,
        is_write=is_write,
        touches_slots=touches,
        reads_slots=offers,
    )


_remembered = lru_cache(maxsize=1024)(_classify)


def _route(endpoint: str, *, is_write: bool) -> Route:
    if endpoint == "bookings":
        return Route.BOOKINGS_WRITE if is_write else Route.BOOKINGS_READ
    if is_write:
        return Route.OTHER_WRITE
    if endpoint == "event_types":
        return Route.EVENT_TYPES
    if endpoint == "schedules":
        return Route.SCHEDULES
    return Route.OTHER_READ
