"""Everything that is so at one instant: immutable, sharing almost all of its memory with its ancestors."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from calcom.simulator.model import (
    Booking,
    CalendarConnection,
    Credential,
    EventType,
    ExternalBusy,
    Membership,
    OutOfOffice,
    Reservation,
    Schedule,
    Team,
    User,
)
from calcom.simulator.persistent import PersistentMap
from calcom.simulator.zones import seconds_of

WEEK = 604_800
ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


class Held(NamedTuple):
    """A live booking with its times as epoch seconds."""

    start: int
    end: int
    booking: Booking


Bucket = tuple[Held, ...]
AgendaKey = tuple[str, int | str, int]


@dataclass(frozen=True, slots=True)
class State:
    """One version of the world, keyed by id; reservations and external events by uid, credentials by key.

    `agenda` holds the live bookings by ("host", user id, week), ("email", attendee or guest address, week)
    and ("type", event type id, week), a booking in every week it touches: what a slots query needs of ten
    thousand bookings is then a handful of small tuples, whose identity also says whether anything changed.
    """

    users: PersistentMap[int, User] = field(default_factory=PersistentMap)
    teams: PersistentMap[int, Team] = field(default_factory=PersistentMap)
    memberships: PersistentMap[int, Membership] = field(default_factory=PersistentMap)
    schedules: PersistentMap[int, Schedule] = field(default_factory=PersistentMap)
    out_of_office: PersistentMap[int, OutOfOffice] = field(default_factory=PersistentMap)
    event_types: PersistentMap[int, EventType] = field(default_factory=PersistentMap)
    bookings: PersistentMap[int, Booking] = field(default_factory=PersistentMap)
    booking_ids: PersistentMap[str, int] = field(default_factory=PersistentMap)
    recurring_ids: PersistentMap[str, tuple[int, ...]] = field(default_factory=PersistentMap)
    seat_ids: PersistentMap[str, int] = field(default_factory=PersistentMap)
    idempotency_keys: PersistentMap[str, int] = field(default_factory=PersistentMap)
    reservations: PersistentMap[str, Reservation] = field(default_factory=PersistentMap)
    reserved_by_host: PersistentMap[int, tuple[Reservation, ...]] = field(default_factory=PersistentMap)
    calendars: PersistentMap[int, CalendarConnection] = field(default_factory=PersistentMap)
    external: PersistentMap[str, ExternalBusy] = field(default_factory=PersistentMap)
    credentials: PersistentMap[str, Credential] = field(default_factory=PersistentMap)
    agenda: PersistentMap[AgendaKey, Bucket] = field(default_factory=PersistentMap)
    last_id: int = 1000
    seed: int = 0

    def fresh(self) -> tuple[State, int]:
        """A state that has given out one more id, and that id."""
        return replace(self, last_id=self.last_id + 1), self.last_id + 1

    def uid(self, kind: str, number: int) -> str:
        """A public uid of 22 letters and digits, the same in every run with the same seed."""
        digest = hashlib.blake2b(f"{self.seed}:{kind}:{number}".encode(), digest_size=22).digest()
        return "".join(ALPHABET[byte % len(ALPHABET)] for byte in digest)

    def booking_of(self, uid: str) -> Booking | None:
        """The booking of a uid."""
        found = self.booking_ids.get(uid)
        return None if found is None else self.bookings[found]

    def buckets(self, kind: str, key: int | str, low: int, high: int) -> Iterator[Bucket]:
        """Every agenda bucket of the weeks that [low, high] touches (epoch seconds), empty ones too."""
        for week in range(low // WEEK, high // WEEK + 1):
            yield self.agenda.get((kind, key, week), ())

    def with_booking(self, booking: Booking) -> State:
        """A state in which this booking is as given, and every index agrees."""
        agenda = self.agenda
        former = self.bookings.get(booking.id)
        if former is not None:
            agenda = _without(agenda, former)
        held = Held(seconds_of(booking.start), seconds_of(booking.end), booking)
        for key in _keys(held) if booking.live else ():
            agenda = agenda.set(key, tuple(sorted((*agenda.get(key, ()), held), key=_order)))
        keys, recurring, seats = self.idempotency_keys, self.recurring_ids, self.seat_ids
        if (
            former is not None
            and former.idempotency_key
            and former.idempotency_key != booking.idempotency_key
        ):
            keys = keys.without(former.idempotency_key)
        if booking.idempotency_key:
            keys = keys.set(booking.idempotency_key, booking.id)
        if booking.recurring_uid and booking.id not in recurring.get(booking.recurring_uid, ()):
            recurring = recurring.set(
                booking.recurring_uid, (*recurring.get(booking.recurring_uid, ()), booking.id)
            )
        for attendee in booking.attendees:
            if attendee.seat_uid and seats.get(attendee.seat_uid) != booking.id:
                seats = seats.set(attendee.seat_uid, booking.id)
        return replace(
            self,
            bookings=self.bookings.set(booking.id, booking),
            booking_ids=self.booking_ids.set(booking.uid, booking.id),
            recurring_ids=recurring,
            seat_ids=seats,
            idempotency_keys=keys,
            agenda=agenda,
        )

    def with_reservation(self, reservation: Reservation) -> State:
        """A state that has this reservation, in place of any of the same uid."""
        cleared = self.without_reservation(reservation.uid)
        mine = cleared.reserved_by_host.get(reservation.user_id, ())
        return replace(
            cleared,
            reservations=cleared.reservations.set(reservation.uid, reservation),
            reserved_by_host=cleared.reserved_by_host.set(reservation.user_id, (*mine, reservation)),
        )

    def without_reservation(self, uid: str) -> State:
        """A state that lacks this reservation."""
        former = self.reservations.get(uid)
        if former is None:
            return self
        mine = tuple(r for r in self.reserved_by_host[former.user_id] if r.uid != uid)
        return replace(
            self,
            reservations=self.reservations.without(uid),
            reserved_by_host=self.reserved_by_host.set(former.user_id, mine),
        )


def _order(held: Held) -> tuple[int, int]:
    return held.start, held.booking.id


def _keys(held: Held) -> Iterator[AgendaKey]:
    booking = held.booking
    people = {attendee.email.lower() for attendee in booking.attendees} | {g.lower() for g in booking.guests}
    for week in range(held.start // WEEK, max(held.start, held.end - 1) // WEEK + 1):
        yield "type", booking.event_type_id, week
        for host_id in booking.host_ids:
            yield "host", host_id, week
        for email in sorted(people):
            yield "email", email, week


def _without(agenda: PersistentMap[AgendaKey, Bucket], former: Booking) -> PersistentMap[AgendaKey, Bucket]:
    for key in _keys(Held(seconds_of(former.start), seconds_of(former.end), former)) if former.live else ():
        left = tuple(held for held in agenda[key] if held.booking.id != former.id)
        agenda = agenda.set(key, left) if left else agenda.without(key)
    return agenda
