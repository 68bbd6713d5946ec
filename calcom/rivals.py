"""Which requests to make a booking get in one another's way, and when one certainly leaves no room for another.

Cal.com looks at the calendars and writes later, without a lock, so of two at once both may be made (contract 5.5).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Final

from calcom.account.facts import AccountMap, EventTypeFacts
from calcom.account.reading import records, whole
from calcom.account.resolving import named_type
from calcom.reach.bookings import instant

HOST_BUSY: Final = "User either already has booking at this time or is not available"
TEAM_HOST_BUSY: Final = "One of the hosts either already has booking at this time or is not available"

_SELECTORS: Final = ("eventTypeSlug", "username", "teamSlug", "organizationSlug")

# Whoever sends these may be allowed what others are refused.
_EXCEPTIONS: Final = ("instant", "allowConflicts", "allowBookingOutOfBounds", "recurrenceCount")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a request wants. Times are Unix seconds.

    Two are rivals if they have one of `names` in common and `begin` to `end`, buffers included, overlaps. `needs` are
    the people without each of whom it cannot be booked, empty where that is not certain.
    """

    names: tuple[str, ...]
    begin: int
    end: int
    start: int
    event_type: int | None = None
    needs: frozenset[int] = frozenset()
    is_team: bool = False

    @property
    def taken(self) -> str:
        """What Cal.com says when a host that it needs is busy (contract 5.4)."""
        return TEAM_HOST_BUSY if self.is_team else HOST_BUSY


@dataclass(frozen=True, slots=True)
class Landed:
    """A booking that was made: when and of what, and who hosts it for certain."""

    event_type: int
    start: int
    until: int
    organizer: int

    def text(self) -> str:
        """For others, without blanks."""
        return f"{self.event_type},{self.start},{self.until},{self.organizer}"

    @classmethod
    def of(cls, text: str) -> Landed:
        """What `text` said."""
        return cls(*map(int, text.split(",")))


def wish_of(account: AccountMap, document: Any) -> Wish | None:
    """What the body of a request to make a booking wants; None where it names no event type or no time, and where
    many are meant to book the same time, since the type has seats."""
    if not isinstance(document, dict):
        return None
    at = instant(document.get("start"))
    if at is None:
        return None
    start = int(at.timestamp())
    number = named_type(account, document)
    facts = None if number is None else account.event_types.get(number)
    if number is None:
        name = _slugs(document)
        return None if name is None else Wish((name,), start, start + 1, start)
    if facts is None:
        return Wish((_type(number),), start, start + 1, start, number)
    if facts.seats:
        return None
    hosts = account.hosts_of(number) or frozenset()
    known = facts.lengths or frozenset({0})
    asked = whole(document.get("lengthInMinutes"))
    # One that is not offered is refused, and must not keep anybody waiting meanwhile.
    length = asked if asked is not None and asked in known else max(known)
    return Wish(
        names=(_type(number), *(f"host:{one}" for one in sorted(hosts))),
        begin=start - 60 * (facts.before_buffer or 0),
        end=start + 60 * (length + (facts.after_buffer or 0)) + 1,
        start=start,
        event_type=number,
        needs=_needed(facts, hosts, document),
        is_team=facts.scheduling == "collective",
    )


def landed_of(document: Any) -> Landed | None:
    """The booking in Cal.com's answer to such a request; None where it is not certain that its time is gone."""
    data = document.get("data") if isinstance(document, dict) else None
    # One that waits for confirmation may leave its time free, and in one with seats there may be room.
    if not isinstance(data, dict) or data.get("status") != "accepted" or "seatUid" in data:
        return None
    start, end, number = instant(data.get("start")), instant(data.get("end")), whole(data.get("eventTypeId"))
    organizer = next((whole(one.get("id")) for one in records(data.get("hosts"))), None)
    if start is None or end is None or number is None or organizer is None:
        return None
    return Landed(number, int(start.timestamp()), int(end.timestamp()), organizer)


def leaves_no_room(landed: Landed, wish: Wish) -> bool:
    """Whether Cal.com certainly refuses *wish* now that *landed* is made (contract 5.4, 8 row 1).

    Only if it begins within that: whether it would run into it depends on a length that may have changed.
    """
    if not wish.needs or not landed.start <= wish.start < landed.until:
        return False
    return landed.event_type == wish.event_type or landed.organizer in wish.needs


def _needed(facts: EventTypeFacts, hosts: frozenset[int], document: dict[str, Any]) -> frozenset[int]:
    """Who must be free for it, where nobody stands in for anybody and there is one place."""
    is_plain = facts.seats == 0 and facts.recurs is False and not any(one in document for one in _EXCEPTIONS)
    if not is_plain:
        return frozenset()
    if facts.is_individual and facts.owner_id is not None:
        return frozenset({facts.owner_id})
    return hosts if facts.scheduling == "collective" else frozenset()


def _type(number: int) -> str:
    return f"type:{number}"


def _slugs(document: dict[str, Any]) -> str | None:
    named = [document.get(one) for one in _SELECTORS]
    if not isinstance(named[0], str):
        return None
    # A name of any length and of any signs becomes one that fits among others.
    return "slug:" + hashlib.sha256(repr(named).lower().encode()).hexdigest()[:32]
