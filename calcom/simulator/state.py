"""Everything that is so at one instant: immutable, and sharing almost all of its memory with its ancestors."""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class State:
    """One version of the world, keyed by id (by uid for reservations and external events, by key for credentials)."""

    users: PersistentMap[int, User]
    teams: PersistentMap[int, Team]
    memberships: PersistentMap[int, Membership]
    schedules: PersistentMap[int, Schedule]
    out_of_office: PersistentMap[int, OutOfOffice]
    event_types: PersistentMap[int, EventType]
    bookings: PersistentMap[int, Booking]
    booking_ids: PersistentMap[str, int]
    reservations: PersistentMap[str, Reservation]
    calendars: PersistentMap[int, CalendarConnection]
    external: PersistentMap[str, ExternalBusy]
    credentials: PersistentMap[str, Credential]
