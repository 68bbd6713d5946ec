"""Random accounts, what the gateway would learn of them, and Cal.com's answers to random looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final
from urllib.parse import urlencode

from calcom.account import AccountMap, Promises
from calcom.ranges import Look, look_of, slice_answer
from calcom.simulator import envelope
from calcom.simulator.inputs import Inputs, gather
from calcom.simulator.model import (
    Attendee,
    Booking,
    BookingWindow,
    EventType,
    ExternalBusy,
    Host,
    Limits,
    OutOfOffice,
    Override,
    Reservation,
    Rule,
    Schedule,
    Seats,
    Team,
)
from calcom.simulator.persistent import PersistentMap
from calcom.simulator.routes_slots import parse_query, present
from calcom.simulator.slots import answer
from calcom.simulator.state import State
from calcom.simulator.world import World
from calcom.slots import parse
from loadtest.scenarios.site import SLOTS
from tests.calcom.reach.desk import Desk

MOMENTS: Final = (
    datetime(2026, 3, 2, 6, 0, tzinfo=UTC),  # a Monday; America and Europe change their clocks soon
    datetime(2026, 9, 20, 23, 40, tzinfo=UTC),  # a Sunday; so do New Zealand, Chatham and Europe
    datetime(
        2026, 10, 24, 21, 5, tzinfo=UTC
    ),  # a Saturday; Beirut and Nuuk go back at midnight, to the day before
    datetime(2026, 12, 30, 13, 7, tzinfo=UTC),  # a Wednesday before the year ends
)
ZONES: Final = (
    None,
    "UTC",
    "GMT",
    "Etc/UTC",
    "Europe/Berlin",
    "Europe/London",
    "Asia/Beirut",
    "America/Nuuk",
    "America/Havana",
    "Australia/Lord_Howe",
    "America/St_Johns",
    "America/Los_Angeles",
    "America/New_York",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Pacific/Auckland",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
)
STEPS: Final = (5, 10, 15, 20, 30, 60)
Params = Mapping[str, str]


def scene(chance: Random, types: tuple[EventType, ...]) -> Desk:
    """A desk before an account of these event types, of whose settings everything was learned."""
    plain = frozenset(one.id for one in types if one.scheduling == "roundRobin" and one.max_lead is None)
    desk = Desk(1, chance.choice(MOMENTS), Promises(plain))
    state = desk.world.state
    state = replace(
        state,
        event_types=PersistentMap((one.id, one) for one in types),
        schedules=PersistentMap(
            (number, schedule(chance, one, desk.now)) for number, one in state.schedules.items()
        ),
        teams=PersistentMap((number, Team(number, f"t{number}", "T")) for number in state.teams),
        out_of_office=PersistentMap([(501, _absence(chance, desk.now))]),
        external=PersistentMap((one.uid, one) for one in _elsewhere(chance, desk.now)),
        bookings=PersistentMap(),
        booking_ids=PersistentMap(),
        agenda=PersistentMap(),
    )
    for number in range(chance.randrange(40)):
        state = _booked(chance, state, types, desk.now, 2000 + number)
    for number in range(chance.randrange(5)):
        state = _held(chance, state, types, desk.now, number)
    desk.sim.world = World(state, desk.now)
    desk.learn_everything()
    return desk


def additive_type(chance: Random, number: int) -> EventType:
    """A type of which every range is part of every longer one."""
    length = chance.choice((*STEPS, 45, 90, 240))
    interval = chance.choice((None, *STEPS)) if length in STEPS else chance.choice(STEPS)
    rest: dict[str, Any] = {"owner_id": chance.randrange(1, 9)}
    if chance.random() < 0.4:
        hosts = tuple(Host(one, mandatory=chance.random() < 0.3) for one in chance.sample((1, 2, 4, 6), 2))
        rest = {
            "team_id": 11,
            "scheduling": chance.choice(("collective", "roundRobin")),
            "hosts": hosts,
        }
    return EventType(
        number,
        f"type-{number}",
        "T",
        length,
        slot_interval=interval,
        length_options=chance.choice(((), (), (15, 30, 60))) if length in STEPS else (),
        minimum_notice=chance.choice((0, 60, 1440)),
        before_buffer=chance.choice((0, 0, 0, 15, 120)),
        after_buffer=chance.choice((0, 0, 0, 30, 240)),
        window=chance.choice(
            (
                None,
                BookingWindow("calendarDays", chance.randrange(40)),
                BookingWindow("businessDays", chance.randrange(20)),
            )
        ),
        seats=chance.choice((None, None, Seats(3), Seats(2, show_availability_count=False))),
        limits_count=chance.choice(
            (Limits(), Limits(), Limits(day=2), Limits(week=3), Limits(day=1, week=2))
        ),
        limits_duration=chance.choice((Limits(), Limits(), Limits(week=120))),
        **rest,
    )


def schedule(chance: Random, former: Schedule, now: datetime) -> Schedule:
    """Hours anywhere in the day, whole days and nights among them, and overrides."""
    rules = []
    for _ in range(chance.randrange(1, 4)):
        start = 5 * chance.randrange(0, 250)
        end = chance.choice((1440, start + 5 * chance.randrange(1, 150)))
        days = tuple(day for day in range(7) if chance.random() < 0.7)
        rules.append(Rule(days, start, min(end, 1440)))
    if chance.random() < 0.3:
        rules = [Rule(tuple(range(7)), 0, 1440)]
    overrides = tuple(
        Override((now + timedelta(days=chance.randrange(-3, 60))).date(), 60 * start, 60 * (start + 3))
        for start in chance.sample(range(20), 3)
    )
    return replace(former, availability=tuple(rules), overrides=overrides)


def params_of(chance: Random, event_type: EventType, now: datetime) -> dict[str, str]:
    """A look as a client writes it: whole days mostly, from or to the minute at times."""
    first = now + timedelta(days=chance.choice((0, 0, *range(-9, 50))))
    start, end = str(first.date()), str((first + timedelta(days=chance.choice((0, 1, 6, 13, 29, 40)))).date())
    if chance.random() < 0.3:
        start += f"T{chance.randrange(24):02}:{chance.choice((0, 15, 17, 30, 45)):02}:00" + chance.choice(
            ("", "Z", "+02:00", ".500Z")
        )
    if chance.random() < 0.3:
        end += f"T{chance.choice((0, 5, 17, 23)):02}:{chance.choice((0, 15, 29, 59)):02}:{chance.choice((0, 59)):02}Z"
    params = {"eventTypeId": str(event_type.id), "start": start, "end": end}
    zone = chance.choice(ZONES)
    if zone is not None:
        params["timeZone"] = zone
    if chance.random() < 0.4:
        params["format"] = chance.choice(("time", "range", "Range"))
    if event_type.length_options and chance.random() < 0.8:
        params["duration"] = str(chance.choice(event_type.length_options))
    return params


def body_of(desk: Desk, params: Params) -> bytes:
    """What Cal.com answers. Raises Refused."""
    query, style = parse_query(dict(params))
    return envelope.success(present(desk.world.slots(query, desk.now), query.time_zone, style))


def short_sighted(desk: Desk, params: Params) -> bytes:
    """What a Cal.com answers that looks for bookings in the range alone (issues 10402, 10435; contract 8, end):
    limits count those only, and buffers of others do not reach in."""
    query, style = parse_query(dict(params))
    result = answer(_in_range(gather(desk.world.state, query, desk.now)))
    return envelope.success(present(result, query.time_zone, style))


def planned(desk: Desk, params: Params, account: AccountMap | None = None) -> Look | None:
    """How the gateway would answer it."""
    query = parse(urlencode(params), SLOTS)
    return None if query is None else look_of(account or desk.account, query, SLOTS, desk.now)


def derived(desk: Desk, look: Look, ask: Any = body_of) -> bytes | None:
    """The answer cut out of the windows' answers."""
    return slice_answer(look, [ask(desk, dict(one.query.parameters)) for one in look.windows])


def _in_range(inputs: Inputs) -> Inputs:
    def seen(buckets: Any) -> Any:
        return tuple(
            tuple(held for held in one if held.start <= inputs.high and held.end > inputs.low)
            for one in buckets
        )

    return replace(
        inputs,
        hosts=tuple(replace(one, buckets=seen(one.buckets)) for one in inputs.hosts),
        ceilings=tuple(replace(one, buckets=seen(one.buckets)) for one in inputs.ceilings),
    )


def _booked(chance: Random, state: State, types: tuple[EventType, ...], now: datetime, number: int) -> State:
    one = chance.choice(types)
    start = now.replace(minute=0) + timedelta(
        days=chance.randrange(-8, 50), minutes=5 * chance.randrange(288)
    )
    hosts = (one.owner_id,) if one.owner_id else tuple(host.user_id for host in one.hosts)
    emails = [chance.choice(("lee@example.org", "ada@example.com", "hiro@example.com")) for _ in range(2)]
    booking = Booking(
        number,
        f"uid{number}",
        chance.choice(("accepted", "accepted", "accepted", "pending")),
        start,
        start + timedelta(minutes=one.length),
        one.id,
        hosts[0] or 1,
        tuple(host or 1 for host in hosts),
        tuple(Attendee(number * 10 + at, "A", email) for at, email in enumerate(emails)),
        now,
        now,
    )
    return state.with_booking(booking)


def _held(chance: Random, state: State, types: tuple[EventType, ...], now: datetime, number: int) -> State:
    one = chance.choice(types)
    host = one.owner_id or one.hosts[0].user_id
    start = now + timedelta(days=chance.randrange(20), minutes=15 * chance.randrange(96))
    until = now + timedelta(minutes=5)
    end = start + timedelta(minutes=one.length)
    return state.with_reservation(
        Reservation(f"held{number}", one.id, host, start, end, until, 5, seated=one.seats is not None)
    )


def _absence(chance: Random, now: datetime) -> OutOfOffice:
    start = now + timedelta(days=chance.randrange(40), hours=chance.randrange(24))
    return OutOfOffice(501, "away", chance.randrange(1, 9), start, start + timedelta(hours=31))


def _elsewhere(chance: Random, now: datetime) -> list[ExternalBusy]:
    starts = [now + timedelta(minutes=7 * chance.randrange(6000)) for _ in range(8)]
    return [
        ExternalBusy(f"x{at}", 201 + at % 4, start, start + timedelta(minutes=50))
        for at, start in enumerate(starts)
    ]
