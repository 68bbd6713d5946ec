"""The catalogue of the simulated account, made of the simulator's own data set."""

from datetime import UTC, datetime

from calcom.simulator import model
from calcom.simulator.seed import MAIN_KEY
from calcom.simulator.state import State
from calcom.simulator.world import World
from loadtest.catalogue import Catalogue, EventType

API_KEY = MAIN_KEY
"""A key that every simulator accepts."""

# The report's three services first, then what people book most: the order is the popularity.
_CALLED_FOR = (105, 106, 116, 101, 110, 102, 103, 104, 111, 113, 114, 108)


def account(seed: int, now: datetime) -> Catalogue:
    """Everything a simulator with this seed has at `now`: what queries may ask for, bookable or not."""
    state = World.seeded(seed, now).state
    return _catalogue(state, sorted(state.event_types), now)


def town(seed: int, now: datetime) -> Catalogue:
    """What callers call for: the event types anybody may book, the most popular first."""
    state = World.seeded(seed, now).state
    return _catalogue(state, [number for number in _CALLED_FOR if number in state.event_types], now)


def _catalogue(state: State, numbers: list[int], now: datetime) -> Catalogue:
    return Catalogue(
        event_types=tuple(_event_type(state, state.event_types[number]) for number in numbers),
        today=now.astimezone(UTC).date(),
        usernames=tuple(state.users[number].username for number in sorted(state.users)),
        api_keys=(API_KEY,),
        booking_uids=tuple(state.bookings[number].uid for number in sorted(state.bookings)),
    )


def _event_type(state: State, of: model.EventType) -> EventType:
    return EventType(
        id=of.id,
        slug=of.slug,
        username=None if of.owner_id is None else state.users[of.owner_id].username,
        team_slug=None if of.team_id is None else state.teams[of.team_id].slug,
        lengths=of.length_options or (of.length,),
        host_ids=tuple(host.user_id for host in of.hosts) if of.scheduling == "roundRobin" else (),
    )
