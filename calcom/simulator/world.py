"""The world: the current state, every state before it, and the only ways from one to the next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from calcom.simulator import bookings, calendars, endings, moves, people, reservations, settings, teams
from calcom.simulator import seed as data_set
from calcom.simulator.commands import (
    Booker,
    Cancel,
    CreateBooking,
    Created,
    EventTypeSelector,
    Reschedule,
    Reserve,
)
from calcom.simulator.facts import WebhookFact
from calcom.simulator.memo import Memo
from calcom.simulator.model import (
    Attendee,
    Booking,
    CalendarConnection,
    EventType,
    ExternalBusy,
    Limits,
    Membership,
    OutOfOffice,
    Override,
    Reservation,
    Role,
    Rule,
    Schedule,
    Team,
    User,
)
from calcom.simulator.outcomes import Outcome
from calcom.simulator.query import SlotsQuery, SlotsResult
from calcom.simulator.refusals import refuse
from calcom.simulator.selection import select
from calcom.simulator.state import State

T = TypeVar("T")

__all__ = ["Created", "Version", "World"]


class Version(NamedTuple):
    """One committed state. `cause` names the mutation, e.g. "create_booking"."""

    version: int
    committed_at: datetime
    state: State
    cause: str


class World:
    """All methods are synchronous and raise Refused; mutations take `now` and are atomic: a refusal leaves no
    trace, anything else one version in `history` and its webhook facts in `events`."""

    def __init__(self, state: State, now: datetime) -> None:
        self.history: list[Version] = [Version(0, now, state, "seed")]
        self.events: list[WebhookFact] = []
        self.memo = Memo()

    def __repr__(self) -> str:
        return (
            f"World(version={self.version}, bookings={len(self.state.bookings)}, events={len(self.events)})"
        )

    @classmethod
    def seeded(cls, seed: int, now: datetime) -> World:
        """The data set that `seed.DESCRIPTION` describes; the same for the same arguments."""
        return cls(data_set.state(seed, now), now)

    @property
    def state(self) -> State:
        """What is so now."""
        return self.history[-1].state

    @property
    def version(self) -> int:
        """Number of the newest version; the seed is version 0."""
        return self.history[-1].version

    def _commit(self, outcome: Outcome[T], now: datetime, cause: str) -> T:
        if outcome.state is not self.state:
            version = self.version + 1
            self.history.append(Version(version, now, outcome.state, cause))
        self.events += [replace(one, version=self.version) for one in outcome.facts]
        return outcome.result

    # Reads

    def slots(self, query: SlotsQuery, now: datetime) -> SlotsResult:
        """True slots at `now`, past every cache. Raises Refused 404 for a selector that names nothing."""
        return self.memo.slots(self.state, query, now)

    def slots_at(self, version: int, query: SlotsQuery, now: datetime) -> SlotsResult:
        """What `slots` would have said with the world at `version` and the clock at `now`."""
        return self.memo.slots(self.history[version].state, query, now)

    def resolve(self, selector: EventTypeSelector) -> EventType:
        """The event type a selector names. Raises Refused 404."""
        return select(
            self.state,
            event_type_id=selector.event_type_id,
            slug=selector.slug,
            username=selector.username,
            team_slug=selector.team_slug,
            organization_slug=selector.organization_slug,
        )

    def user_of_key(self, key: str) -> User | None:
        """Whom a credential makes its bearer."""
        credential = self.state.credentials.get(key)
        return None if credential is None else self.state.users.get(credential.user_id)

    def booking(self, uid: str) -> Booking:
        """Raises Refused 404."""
        return bookings.found(self.state, uid)

    def changed(self, booking: Booking) -> int:
        """The version in which a booking became what it is."""
        at = self.version
        while at > 0 and self.history[at - 1].state.bookings.get(booking.id) is booking:
            at -= 1
        return at

    def recurrences(self, recurring_uid: str) -> tuple[Booking, ...]:
        """All bookings of a series by start; empty for an unknown uid."""
        state = self.state
        series = (state.bookings[number] for number in state.recurring_ids.get(recurring_uid, ()))
        return tuple(sorted(series, key=lambda one: (one.start, one.id)))

    def booking_by_seat(self, seat_uid: str) -> Booking:
        """The booking that a seat is in now. Raises Refused 404."""
        number = self.state.seat_ids.get(seat_uid)
        if number is None:
            raise refuse(404, f"Booking with seatUid={seat_uid} was not found in the database")
        return self.state.bookings[number]

    def meeting_facts(self, after: datetime, until: datetime) -> list[WebhookFact]:
        """MEETING_STARTED and MEETING_ENDED of accepted bookings for the instants in (after, until]."""
        facts = []
        for booking in self.state.bookings.values():
            if booking.status != "accepted":
                continue
            if after < booking.start <= until:
                facts.append(WebhookFact("MEETING_STARTED", booking.start, self.version, booking))
            if after < booking.end <= until:
                facts.append(WebhookFact("MEETING_ENDED", booking.end, self.version, booking))
        return sorted(facts, key=lambda one: (one.created_at, one.booking.id if one.booking else 0))

    def busy_times(
        self, connection_ids: Iterable[int], start: datetime, end: datetime
    ) -> tuple[ExternalBusy, ...]:
        """External events in [start, end)."""
        return calendars.busy_times(self.state, connection_ids, start, end)

    # Bookings

    def create_booking(self, command: CreateBooking, now: datetime, *, racy: bool = False) -> Created:
        """Books; `racy` skips the look at the calendar, as one of two concurrent creates does (contract 5.5)."""
        return self._commit(bookings.create(self.state, command, now, racy=racy), now, "create_booking")

    def reschedule(self, uid: str, command: Reschedule, now: datetime) -> Booking:
        """Moves a booking: the result is the new one, the old one is cancelled."""
        return self._commit(moves.reschedule(self.state, uid, command, now), now, "reschedule")

    def request_reschedule(
        self, uid: str, reason: str | None, caller_id: int | None, now: datetime
    ) -> Booking:
        """Cancels a booking and asks for another time."""
        return self._commit(
            endings.request_reschedule(self.state, uid, reason, caller_id, now), now, "request_reschedule"
        )

    def cancel(self, uid: str, command: Cancel, now: datetime) -> tuple[Booking, ...]:
        """Cancels a booking, a seat, or the rest of a series; the result is all that was touched."""
        return self._commit(endings.cancel(self.state, uid, command, now), now, "cancel")

    def confirm(self, uid: str, caller_id: int | None, now: datetime) -> Booking:
        """Accepts a pending booking."""
        return self._commit(endings.confirm(self.state, uid, caller_id, now), now, "confirm")

    def decline(self, uid: str, reason: str | None, caller_id: int | None, now: datetime) -> Booking:
        """Rejects a pending booking."""
        return self._commit(endings.decline(self.state, uid, reason, caller_id, now), now, "decline")

    def reassign(self, uid: str, to_user_id: int | None, caller_id: int | None, now: datetime) -> Booking:
        """Hands a round robin booking to another host; None takes the next free one."""
        return self._commit(endings.reassign(self.state, uid, to_user_id, caller_id, now), now, "reassign")

    def mark_absent(
        self, uid: str, host: bool | None, attendees: Mapping[str, bool], now: datetime
    ) -> Booking:
        """Notes who did not come."""
        return self._commit(people.mark_absent(self.state, uid, host, attendees, now), now, "mark_absent")

    def add_guests(self, uid: str, guests: Iterable[str], now: datetime) -> Booking:
        """Invites more addresses."""
        return self._commit(people.add_guests(self.state, uid, guests, now), now, "add_guests")

    def update_location(self, uid: str, location: str, now: datetime) -> Booking:
        """Moves a booking in space."""
        return self._commit(people.update_location(self.state, uid, location, now), now, "update_location")

    def add_attendee(self, uid: str, booker: Booker, now: datetime) -> Attendee:
        """Adds a person to a booking."""
        return self._commit(people.add_attendee(self.state, uid, booker, now), now, "add_attendee")

    def remove_attendee(self, uid: str, attendee_id: int, now: datetime) -> Attendee:
        """Removes a person from a booking."""
        return self._commit(people.remove_attendee(self.state, uid, attendee_id, now), now, "remove_attendee")

    # Reservations

    def reserve(self, command: Reserve, now: datetime) -> Reservation:
        """Holds a slot."""
        return self._commit(reservations.reserve(self.state, command, now), now, "reserve")

    def patch_reservation(self, uid: str, command: Reserve, now: datetime) -> Reservation:
        """Moves or extends a hold."""
        return self._commit(reservations.patch(self.state, uid, command, now), now, "patch_reservation")

    def reservation(self, uid: str, now: datetime) -> Reservation | None:
        """A hold, while it lives."""
        return reservations.current(self.state, uid, now)

    def delete_reservation(self, uid: str, now: datetime) -> None:
        """Lets go of a hold; of an unknown one too (contract 4.3)."""
        self._commit(Outcome(self.state.without_reservation(uid), None), now, "delete_reservation")

    # Settings. `changes` maps field names of the model class to new values; an unknown name is a TypeError.

    def create_schedule(
        self,
        user_id: int,
        name: str,
        time_zone: str,
        availability: tuple[Rule, ...],
        overrides: tuple[Override, ...],
        is_default: bool,
        now: datetime,
    ) -> Schedule:
        """A new schedule."""
        return self._commit(
            settings.create_schedule(
                self.state, user_id, name, time_zone, availability, overrides, is_default
            ),
            now,
            "create_schedule",
        )

    def update_schedule(
        self, schedule_id: int, changes: Mapping[str, Any], now: datetime, *, make_default: bool = False
    ) -> Schedule:
        """Changes a schedule."""
        return self._commit(
            settings.update_schedule(self.state, schedule_id, changes, make_default), now, "update_schedule"
        )

    def delete_schedule(self, schedule_id: int, now: datetime) -> None:
        """Deletes a schedule."""
        self._commit(settings.delete_schedule(self.state, schedule_id), now, "delete_schedule")

    def create_out_of_office(self, draft: OutOfOffice, now: datetime) -> OutOfOffice:
        """A new absence."""
        return self._commit(
            settings.create_out_of_office(self.state, draft, now), now, "create_out_of_office"
        )

    def update_out_of_office(
        self, out_of_office_id: int, changes: Mapping[str, Any], now: datetime
    ) -> OutOfOffice:
        """Changes an absence."""
        return self._commit(
            settings.update_out_of_office(self.state, out_of_office_id, changes), now, "update_out_of_office"
        )

    def delete_out_of_office(self, out_of_office_id: int, now: datetime) -> OutOfOffice:
        """Deletes an absence."""
        return self._commit(
            settings.delete_out_of_office(self.state, out_of_office_id), now, "delete_out_of_office"
        )

    def create_event_type(self, draft: EventType, now: datetime) -> EventType:
        """A new event type, with children if managed."""
        return self._commit(settings.create_event_type(self.state, draft), now, "create_event_type")

    def update_event_type(self, event_type_id: int, changes: Mapping[str, Any], now: datetime) -> EventType:
        """Changes an event type and its children."""
        return self._commit(
            settings.update_event_type(self.state, event_type_id, changes), now, "update_event_type"
        )

    def delete_event_type(self, event_type_id: int, now: datetime) -> EventType:
        """Deletes an event type and its children."""
        return self._commit(settings.delete_event_type(self.state, event_type_id), now, "delete_event_type")

    def update_user(self, user_id: int, changes: Mapping[str, Any], now: datetime) -> User:
        """Changes a profile."""
        return self._commit(settings.update_user(self.state, user_id, changes), now, "update_user")

    def create_team(self, draft: Team, owner_id: int, now: datetime) -> Team:
        """A new team."""
        return self._commit(teams.create_team(self.state, draft, owner_id), now, "create_team")

    def update_team(self, team_id: int, changes: Mapping[str, Any], now: datetime) -> Team:
        """Changes a team."""
        return self._commit(teams.update_team(self.state, team_id, changes), now, "update_team")

    def delete_team(self, team_id: int, now: datetime) -> Team:
        """Deletes a team."""
        return self._commit(teams.delete_team(self.state, team_id), now, "delete_team")

    def update_membership(self, membership_id: int, changes: Mapping[str, Any], now: datetime) -> Membership:
        """Changes a membership."""
        return self._commit(
            teams.update_membership(self.state, membership_id, changes), now, "update_membership"
        )

    def delete_membership(self, membership_id: int, now: datetime) -> Membership:
        """Takes a user out of a team."""
        return self._commit(teams.delete_membership(self.state, membership_id), now, "delete_membership")

    def set_team_limits(self, team_id: int, limits: Limits, now: datetime) -> Team:
        """Limits all bookings of a team together."""
        return self.update_team(team_id, {"booking_limits": limits}, now)

    def create_membership(
        self, team_id: int, user_id: int, role: Role, accepted: bool, now: datetime
    ) -> Membership:
        """Takes a user into a team."""
        outcome = teams.create_membership(self.state, team_id, user_id, role, accepted=accepted)
        return self._commit(outcome, now, "create_membership")

    # Calendars. Nothing in the API tells of the last three: they are the admin's (contract 8, row 21).

    def connect_calendar(self, draft: CalendarConnection, now: datetime) -> CalendarConnection:
        """Connects a calendar."""
        return self._commit(calendars.connect(self.state, draft), now, "connect_calendar")

    def disconnect_calendar(self, connection_id: int, now: datetime) -> CalendarConnection:
        """Disconnects a calendar."""
        return self._commit(calendars.disconnect(self.state, connection_id), now, "disconnect_calendar")

    def select_calendar(self, connection_id: int, selected: bool, now: datetime) -> CalendarConnection:
        """Lets a calendar block, or not."""
        return self._commit(calendars.select(self.state, connection_id, selected), now, "select_calendar")

    def put_external_event(self, draft: ExternalBusy, now: datetime) -> ExternalBusy:
        """Adds or changes an external event."""
        return self._commit(calendars.put_event(self.state, draft), now, "put_external_event")

    def delete_external_event(self, uid: str, now: datetime) -> None:
        """Removes an external event."""
        self._commit(calendars.delete_event(self.state, uid), now, "delete_external_event")

    def set_calendar_broken(self, user_id: int, broken: bool, now: datetime) -> None:
        """Makes a user's calendars unreadable, or readable again."""
        self._commit(calendars.set_broken(self.state, user_id, broken), now, "set_calendar_broken")

    def make_plain(self, event_types: Iterable[int], now: datetime) -> None:
        """Takes from round robins what the API does not show of them: how far ahead of others a host may be."""
        changed = {one: replace(self.state.event_types[one], max_lead=None) for one in event_types}
        known = self.state.event_types
        for event_type, made in changed.items():
            known = known.set(event_type, made)
        state = replace(self.state, event_types=known)
        self._commit(Outcome(state, None), now, "make_plain")
