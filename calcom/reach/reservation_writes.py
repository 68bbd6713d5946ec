"""The reach of held slots (contract 4.3, 8 row 15). That they come back by themselves is `expires_at`."""

from __future__ import annotations

from datetime import timedelta

from calcom.account.reading import whole
from calcom.reach.bookings import BookingFacts, facts_of, instant
from calcom.reach.busy import Busy, touches_of
from calcom.reach.results import Touch
from calcom.reach.spans import Stretch
from calcom.reach.spread import Scene
from calcom.reach.writing import Write


def reach_of_reservation(scene: Scene, write: Write) -> list[Touch]:
    """The touches of any write below /v2/slots; the whole account for one that no rule knows."""
    match write.method, write.parts:
        case "POST", ("slots", "reservations"):
            return _taken(scene, write)
        case "PATCH", ("slots", "reservations", _):
            return [*_left(scene, write), *_taken(scene, write)]
        case "DELETE", ("slots", "reservations", _) | ("slots", "selected-slot"):
            return _left(scene, write)
        case "POST", ("slots", "reserve"):
            # The cookie makes it move the slot that its bearer already holds.
            left = _left(scene, write) if write.sent_uid_cookie is not False else []
            return [*left, *_taken(scene, write)]
    return scene.everything("unknown-write", f"{write.method} {write.path}")


def _taken(scene: Scene, write: Write) -> list[Touch]:
    made = facts_of(write.record)
    if made is not None and made.event_type is not None and made.is_placed:
        return _held(scene, made.event_type, made)
    number = whole(write.request.get("eventTypeId"))
    if number is None:
        return scene.everything("unknown-type", "the request names none")
    return _held(scene, number, _wish(scene, write, number))


def _wish(scene: Scene, write: Write, number: int) -> BookingFacts:
    request = write.request
    start = instant(request.get("slotStart", request.get("slotUtcStartDate")))
    facts = scene.account.event_types.get(number)
    lengths = {whole(request.get("slotDuration")) or 0, *(facts.lengths if facts and facts.lengths else {0})}
    if start is None or not max(lengths):
        return BookingFacts("", number)
    held = Stretch(start, start).grown(timedelta(0), timedelta(minutes=max(lengths)))
    return BookingFacts("", number) if held is None else BookingFacts("", number, held.start, held.end)


def _left(scene: Scene, write: Write) -> list[Touch]:
    known = write.known_booking
    if known is None or known.event_type is None:
        return scene.everything("unknown-time", "a held slot that no answer has shown")
    return _held(scene, known.event_type, known)


def _held(scene: Scene, number: int, held: BookingFacts) -> list[Touch]:
    stretch = None
    if held.start is not None and held.end is not None:
        stretch = Stretch(held.start, max(held.start, held.end))
    return touches_of(scene, Busy(number, stretch, counts=False, rule="reservation"))
