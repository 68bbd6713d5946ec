"""The reach of writes to bookings (contract 5.1, 5.3, 8 rows 1 to 13)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from calcom.account.facts import EventTypeFacts
from calcom.account.reading import records, whole
from calcom.account.resolving import named_type
from calcom.reach.bookings import BookingFacts, bookings_in, emails_in, instant
from calcom.reach.busy import Busy, touches_of
from calcom.reach.results import Touch
from calcom.reach.spans import Stretch
from calcom.reach.spread import Scene
from calcom.reach.writing import Write


def reach_of_booking(scene: Scene, write: Write) -> list[Touch]:
    """The touches of any write below /v2/bookings; the whole account for one that no rule knows."""
    match write.method, write.parts:
        case "POST", ("bookings",) | ("bookings", "recurring") | ("bookings", "instant"):
            moved = "rescheduleUid" in write.request
            return _rescheduled(scene, write) if moved else _created(scene, write)
        case "POST", ("bookings", _, "reschedule"):
            return _rescheduled(scene, write)
        case "POST", ("bookings", _, "cancel" | "request-reschedule" | "confirm" | "decline" as verb):
            return _ended(scene, write, verb)
        case "POST", ("bookings", _, "reassign") | ("bookings", _, "reassign", _):
            return _reassigned(scene, write)
        case ("POST", ("bookings", _, "guests") | ("bookings", _, "attendees")) | (
            "DELETE",
            ("bookings", _, "attendees", _),
        ):
            return _people(scene, write)
    return scene.everything("unknown-write", f"{write.method} {write.path}")


def touches(scene: Scene, changes: Iterable[Busy]) -> list[Touch]:
    """All touches of several busy times."""
    return [touch for busy in changes for touch in touches_of(scene, busy)]


def _created(scene: Scene, write: Write) -> list[Touch]:
    made = [one for one in _answered(write) if one.is_placed]
    named = {one.event_type for one in made}
    named |= {named_type(scene.account, one) for one in records(write.request_json)} if not made else set()
    number = named.pop() if len(named) == 1 else None
    if number is None:
        return scene.everything("unknown-type", "the request names none that the map knows")
    facts = scene.account.event_types.get(number)
    if facts is None:
        return scene.everything("unknown-type", f"event type {number}")
    emails = frozenset(emails_in(write.request_json)).union(*(one.emails for one in made))
    busy = Busy(number, None, emails=emails, anyone=not write.request)
    series = facts.recurs is not False and not isinstance(write.data, list)
    if not series and made:
        later = [
            replace(busy, stretch=_stretch(one), rule="recurrence" if at else None, hosts=one.host_ids)
            for at, one in enumerate(made)
        ]
        return touches(scene, later)
    changes = [replace(busy, stretch=_wished(write, facts))]
    if series:
        # Old versions answer with the first of a series, or with nothing of it.
        changes.append(replace(busy, stretch=None, rule="recurrence"))
    return touches(scene, changes)


def _rescheduled(scene: Scene, write: Write) -> list[Touch]:
    old = write.known_booking
    new = next((one for one in _answered(write) if one.is_placed), None)
    number = _first(new.event_type if new else None, old.event_type if old else None)
    if number is None:
        return scene.everything("unknown-type", "neither the answer nor the index tells what was moved")
    facts = scene.account.event_types.get(number)
    if facts is None:
        return scene.everything("unknown-type", f"event type {number}")
    shown = new is not None and new.emails_complete
    people = (new.emails if new else frozenset()) | (old.emails if old else frozenset())
    busy = Busy(number, None, emails=people, anyone=not shown)
    changes = [
        replace(busy, stretch=_stretch(new) if new else _moved_to(write, old, facts), hosts=_hosts(new))
    ]
    placed = old is not None and old.is_placed
    ours = facts.is_individual or (old is not None and old.hosts_complete)
    changes.append(
        replace(
            busy,
            stretch=_stretch(old) if placed and old is not None else None,
            hosts=_hosts(old),
            anyone=not shown or not ours,
            rule="old-time" if placed else "unknown-time",
        )
    )
    return touches(scene, changes)


def _ended(scene: Scene, write: Write, verb: str) -> list[Touch]:
    shown = _answered(write)
    known = write.known_booking
    found = [one for one in shown if one.is_placed]
    if not found:
        if known is None or not known.is_placed:
            return scene.everything("unknown-time", f"{verb} of a booking that no answer has shown")
        # What is remembered may miss somebody who was added since.
        found = [replace(known, emails_complete=False)]
    changes: list[Busy] = []
    for one in found:
        number = one.event_type
        facts = None if number is None else scene.account.event_types.get(number)
        if number is None or facts is None:
            return scene.everything("unknown-type", f"event type {number}")
        whose = known if known is not None and known.uid == one.uid else None
        changes.append(
            Busy(
                number,
                _stretch(one),
                hosts=one.host_ids | _hosts(whose),
                emails=one.emails | (whose.emails if whose else frozenset()),
                anyone=not one.emails_complete or not (one.hosts_complete or facts.is_individual),
            )
        )
        if _ends_more(write, verb, one, facts):
            changes.append(replace(changes[-1], stretch=None, rule="recurrence"))
    return touches(scene, changes)


def _ends_more(write: Write, verb: str, booking: BookingFacts, facts: EventTypeFacts) -> bool:
    """Whether other dates of a series may have changed with this one, beyond those the answer lists."""
    if isinstance(write.data, list) or (booking.recurring_uid is None and facts.recurs is False):
        return False
    if verb in ("confirm", "decline"):
        return True
    if verb == "request-reschedule":
        return False
    request = write.request_json
    if not isinstance(request, dict):
        return True
    return bool(request.get("cancelSubsequentBookings") or request.get("allRemainingBookings"))


def _reassigned(scene: Scene, write: Write) -> list[Touch]:
    known = write.known_booking
    if known is None or not known.is_placed or known.event_type is None:
        return scene.everything("unknown-time", "reassignment of a booking that no answer has shown")
    facts = scene.account.event_types.get(known.event_type)
    to = write.record.get("reassignedTo")
    named = whole(to.get("id")) if isinstance(to, dict) else None
    hosts = known.host_ids | ({named} if named is not None else set())
    ours = known.hosts_complete or (facts is not None and facts.is_individual)
    # Co-hosts of the booking stand among its addresses.
    return touches_of(
        scene, Busy(known.event_type, _stretch(known), hosts=hosts, emails=known.emails, anyone=not ours)
    )


def _people(scene: Scene, write: Write) -> list[Touch]:
    placed = [one for one in (*_answered(write), write.known_booking) if one is not None and one.is_placed]
    if not placed or placed[0].event_type is None:
        return scene.everything("unknown-time", "people at a booking that no answer has shown")
    told = write.request_json if write.method == "POST" else write.data
    emails = frozenset(emails_in(told))
    return touches_of(
        scene,
        Busy(placed[0].event_type, _stretch(placed[0]), emails=emails, anyone=not emails, moves_hosts=False),
    )


def _answered(write: Write) -> list[BookingFacts]:
    return bookings_in(write.method, write.path, write.response_json) if write.succeeded else []


def _hosts(booking: BookingFacts | None) -> frozenset[int]:
    return booking.host_ids if booking is not None else frozenset()


def _first(*numbers: int | None) -> int | None:
    return next((one for one in numbers if one is not None), None)


def _stretch(booking: BookingFacts) -> Stretch | None:
    if booking.start is None or booking.end is None:
        return None
    return Stretch(booking.start, max(booking.start, booking.end))


def _wished(write: Write, facts: EventTypeFacts) -> Stretch | None:
    """The time that the request asks for, at its longest; None when that cannot be told."""
    stretches = list(_wishes(write, facts))
    if not stretches or any(one is None for one in stretches):
        return None
    known = [one for one in stretches if one is not None]
    return Stretch(min(one.start for one in known), max(one.end for one in known))


def _wishes(write: Write, facts: EventTypeFacts) -> Iterator[Stretch | None]:
    for record in records(write.request_json):
        start = instant(record.get("start"))
        lengths = {whole(record.get("lengthInMinutes")) or 0, *(facts.lengths or {0})}
        yield _from(start, max(lengths)) if facts.lengths else None


def _moved_to(write: Write, old: BookingFacts | None, facts: EventTypeFacts) -> Stretch | None:
    start = instant(write.request.get("start"))
    if old is not None and old.start is not None and old.end is not None and old.end > old.start:
        return _from(start, int((old.end - old.start) / timedelta(minutes=1)) + 1)
    return _from(start, max(facts.lengths)) if facts.lengths else None


def _from(start: datetime | None, minutes: int) -> Stretch | None:
    return None if start is None else Stretch(start, start).grown(timedelta(0), timedelta(minutes=minutes))
