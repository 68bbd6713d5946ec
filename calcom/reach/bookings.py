"""What answers tell of bookings and held slots (contract 4.3, 5.3), for an index by uid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from calcom.account.places import place
from calcom.account.reading import records, whole, words
from calcom.paths import normalise

_ORGANIZER: Final = frozenset({"hosts", "user", "organizer"})
_NO_UIDS: Final = frozenset({"recurring", "instant", "by-seat"})


@dataclass(frozen=True, slots=True)
class BookingFacts:
    """One booking, or one held slot, as an answer showed it. Times are aware; None is unknown.

    `host_ids` are the hosts shown, `emails` the addresses at the booking, in lower case. `hosts_complete`
    and `emails_complete` tell whether these are all: a seated booking shows its organizer alone, and old API
    versions show no co-hosts and no guests.
    """

    uid: str
    event_type: int | None = None
    start: datetime | None = None
    end: datetime | None = None
    host_ids: frozenset[int] = frozenset()
    emails: frozenset[str] = frozenset()
    hosts_complete: bool = False
    emails_complete: bool = False
    recurring_uid: str | None = None

    @property
    def is_placed(self) -> bool:
        """Whether it is known what was booked and when."""
        return self.event_type is not None and self.start is not None and self.end is not None


def bookings_in(method: str, path: str, response_json: object) -> list[BookingFacts]:
    """Every booking and held slot in an answer, in its order; none for answers about anything else."""
    parts = place(normalise(path))
    if "bookings" not in parts and parts[:2] != ("slots", "reservations"):
        return []
    data = response_json.get("data") if isinstance(response_json, dict) else None
    inner = data.get("bookings") if isinstance(data, dict) else None
    return [
        facts for one in records(data if inner is None else inner) if (facts := facts_of(one)) is not None
    ]


def facts_of(record: Mapping[str, Any]) -> BookingFacts | None:
    """One record of a booking in either shape, or of a reservation; None without a uid."""
    held = words(record.get("reservationUid"))
    if held is not None:
        return BookingFacts(
            held,
            whole(record.get("eventTypeId")),
            instant(record.get("slotStart")),
            instant(record.get("slotEnd")),
            hosts_complete=False,
            emails_complete=True,
        )
    uid = words(record.get("uid"))
    if uid is None:
        return None
    attendees = record.get("attendees")
    organizer = record.get("user")
    hosts = [*records(record.get("hosts")), *([organizer] if isinstance(organizer, dict) else [])]
    # A seated booking has no guests of its own; its attendees and co-hosts may be hidden.
    all_shown = isinstance(record.get("guests"), list) and isinstance(attendees, list) and "hosts" in record
    all_shown = all_shown and not any("seatUid" in one for one in records(attendees))
    return BookingFacts(
        uid,
        whole(record.get("eventTypeId")),
        instant(record.get("start", record.get("startTime"))),
        instant(record.get("end", record.get("endTime"))),
        frozenset(number for one in hosts if (number := whole(one.get("id"))) is not None),
        frozenset(people_in(record)),
        all_shown,
        all_shown,
        words(record.get("recurringBookingUid")) or words(record.get("recurringEventId")),
    )


def uid_of(path: str, request_json: object = None) -> str | None:
    """The uid of the booking or held slot that a write is about: what an index should be asked for before
    `reach_of_write`. `path` is as sent, for uids have case."""
    moved = request_json.get("rescheduleUid") if isinstance(request_json, dict) else None
    raw = [part for part in path.split("/") if part]
    lowered = [part.lower() for part in raw]
    if lowered[:1] == ["api"]:
        raw, lowered = raw[1:], lowered[1:]
    if lowered[:2] == ["v2", "ee"]:
        raw, lowered = ["v2", *raw[2:]], ["v2", *lowered[2:]]
    if lowered[:2] == ["v2", "bookings"]:
        if len(raw) > 2 and lowered[2] not in _NO_UIDS:
            return raw[2]
        return moved if isinstance(moved, str) else None
    return raw[3] if lowered[:3] == ["v2", "slots", "reservations"] and len(raw) > 3 else None


def still_known(facts: BookingFacts, method: str, path: str) -> BookingFacts:
    """What is still known of an indexed booking after a write to it, whatever its outcome; the same object
    when nothing is lost. The answer to a reassignment names one host, so it is never known who all are."""
    parts = place(normalise(path))
    if method == "POST" and parts[:1] == ("bookings",) and parts[2:3] == ("reassign",):
        return replace(facts, hosts_complete=False)
    return facts


def expires_at(response_json: object) -> datetime | None:
    """When the held slot of a reservation's answer comes back without any write (contract 8, row 15).

    An answer for the touched event types that is fetched before then must not be kept beyond it.
    """
    data = response_json.get("data") if isinstance(response_json, dict) else None
    return instant(data.get("reservationUntil")) if isinstance(data, dict) else None


def instant(value: object) -> datetime | None:
    """An ISO 8601 instant, UTC where it names no zone (contract 5.2); None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        parsed = datetime.fromisoformat(value)
        return (parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def people_in(record: Mapping[str, Any]) -> Iterator[str]:
    """The addresses at a booking besides its organizer's, who is known by id."""
    yield from emails_in({name: value for name, value in record.items() if name not in _ORGANIZER})


def emails_in(value: object) -> Iterator[str]:
    """Every text with an @ in a JSON value, in lower case: more than the addresses, never fewer."""
    if isinstance(value, str):
        if "@" in value:
            yield value.strip().lower()
    elif isinstance(value, dict):
        for one in value.values():
            yield from emails_in(one)
    elif isinstance(value, list):
        for one in value:
            yield from emails_in(one)
