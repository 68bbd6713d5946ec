"""The data set every simulator starts with. Ids never change; times hang on `now`, details on the seed number."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from calcom.simulator import bookings
from calcom.simulator.commands import Booker, CreateBooking, EventTypeSelector
from calcom.simulator.inputs import gather
from calcom.simulator.model import (
    BookingWindow,
    CalendarConnection,
    ConfirmationPolicy,
    Credential,
    EventType,
    ExternalBusy,
    Host,
    Limits,
    Membership,
    OutOfOffice,
    Override,
    Recurrence,
    Rule,
    Schedule,
    Seats,
    Team,
    User,
)
from calcom.simulator.persistent import PersistentMap
from calcom.simulator.query import SlotsQuery
from calcom.simulator.refusals import Refused
from calcom.simulator.settings import sync_children
from calcom.simulator.slots import answer
from calcom.simulator.state import State

MAIN_KEY = "cal_live_simulator"
USER_KEY = "cal_live_sim_{username}"

DESCRIPTION = """\
One account without an organization. Key cal_live_simulator is user 1's; each user also has
cal_live_sim_<username>. User 1 owns both teams.

Users, each with a default schedule 300 + id and, for 1 to 4, an external calendar 200 + id
  1 ada     Europe/Berlin        5 elena  Pacific/Chatham (+12:45)
  2 bela    Europe/Berlin        6 farid  Europe/London
  3 chitra  Asia/Kolkata (+5:30) 7 grace  America/Los_Angeles
  4 daniel  America/New_York     8 hiro   Asia/Tokyo
Teams
  11 sales    ada (owner), bela, daniel, farid; at most 12 bookings a day over all its event types
  12 support  ada (owner), chitra, elena, grace
The report's setting is these two teams with three services: 105, 106 and 116.

Event types
  101 ada/intro        30 min, nothing special
  102 ada/consult      45 min, buffers 15 before and 30 after
  103 bela/review      30 min, at most 3 a day and 8 a week, an hour's notice
  104 chitra/deep-dive 60 min, at most 240 minutes a week and 900 a month
  105 sales/demo       30 min, collective: ada, bela, daniel
  106 sales/call       30 min, round robin: ada fixed; bela (high), daniel, farid rotate
  107 support/onboarding 45 min, managed: its children are 119 (chitra) and 120 (elena)
  108 elena/workshop   60 min, 5 seats with their count shown
  109 farid/coaching   30 min, recurring weekly, 6 times
  110 daniel/session   15, 30 or 60 min, 15 min apart
  111 grace/rolling    30 min, the next 5 calendar days that have room (rolling)
  112 hiro/office      30 min, the next 10 business days, first slot of each day only
  113 hiro/campaign    30 min, within a range of 40 dates
  114 farid/approval   30 min, confirmation always, pending bookings block
  115 bela/private     30 min, hidden, a day's notice, confirmation under 48 hours, pending do not block
  116 support/helpdesk 20 min, round robin of all members, nobody more than 2 bookings ahead
  117 chitra/tight     50 min, optimized slots, offset 5 minutes, buffer 10 after
  118 ada/vip          60 min, login needed, 1 active booking per booker, schedule 351 (Saturdays)
  121 daniel/quarterly 30 min, at most 4 a month and 20 a year, rolling over 3 business days
"""

WEEKDAYS = (0, 1, 2, 3, 4)
USERS = (
    (1, "ada", "Ada Adler", "Europe/Berlin"),
    (2, "bela", "Bela Braun", "Europe/Berlin"),
    (3, "chitra", "Chitra Chandra", "Asia/Kolkata"),
    (4, "daniel", "Daniel Dunn", "America/New_York"),
    (5, "elena", "Elena Evans", "Pacific/Chatham"),
    (6, "farid", "Farid Faraz", "Europe/London"),
    (7, "grace", "Grace Gomez", "America/Los_Angeles"),
    (8, "hiro", "Hiro Hayashi", "Asia/Tokyo"),
)
TEAMS = (
    Team(11, "sales", "Sales", booking_limits=Limits(day=12), time_zone="Europe/Berlin"),
    Team(12, "support", "Support", time_zone="Asia/Kolkata"),
)
MEMBERS = {11: (1, 2, 4, 6), 12: (1, 3, 5, 7)}
BOOKED = ((101, 3), (102, 2), (103, 2), (105, 2), (106, 3), (108, 2), (110, 3), (114, 1), (116, 4), (120, 1))


def event_types(today: date) -> tuple[EventType, ...]:
    """The event types of DESCRIPTION, the managed children left out."""
    return (
        EventType(101, "intro", "Intro", 30, owner_id=1),
        EventType(102, "consult", "Consultation", 45, owner_id=1, before_buffer=15, after_buffer=30),
        EventType(
            103, "review", "Review", 30, owner_id=2, limits_count=Limits(day=3, week=8), minimum_notice=60
        ),
        EventType(104, "deep-dive", "Deep dive", 60, owner_id=3, limits_duration=Limits(week=240, month=900)),
        EventType(
            105,
            "demo",
            "Demo",
            30,
            team_id=11,
            scheduling="collective",
            hosts=(Host(1, mandatory=True), Host(2, mandatory=True), Host(4, mandatory=True)),
        ),
        EventType(
            106,
            "call",
            "Call",
            30,
            team_id=11,
            scheduling="roundRobin",
            hosts=(Host(1, mandatory=True), Host(2, priority="high"), Host(4), Host(6)),
        ),
        EventType(
            107, "onboarding", "Onboarding", 45, team_id=12, scheduling="managed", hosts=(Host(3), Host(5))
        ),
        EventType(108, "workshop", "Workshop", 60, owner_id=5, seats=Seats(5)),
        EventType(109, "coaching", "Coaching", 30, owner_id=6, recurrence=Recurrence(1, 6)),
        EventType(110, "session", "Session", 30, owner_id=4, length_options=(15, 30, 60), slot_interval=15),
        EventType(
            111, "rolling", "Rolling", 30, owner_id=7, window=BookingWindow("calendarDays", 5, rolling=True)
        ),
        EventType(
            112,
            "office",
            "Office hours",
            30,
            owner_id=8,
            window=BookingWindow("businessDays", 10),
            first_slot_only=True,
        ),
        EventType(
            113,
            "campaign",
            "Campaign",
            30,
            owner_id=8,
            window=BookingWindow("range", start=today, end=today + timedelta(days=40)),
        ),
        EventType(
            114,
            "approval",
            "Approval",
            30,
            owner_id=6,
            confirmation=ConfirmationPolicy("always", blocks_unconfirmed=True),
        ),
        EventType(
            115,
            "private",
            "Private",
            30,
            owner_id=2,
            hidden=True,
            minimum_notice=1440,
            confirmation=ConfirmationPolicy("time", notice_threshold=2880),
        ),
        EventType(
            116,
            "helpdesk",
            "Helpdesk",
            20,
            team_id=12,
            scheduling="roundRobin",
            assign_all_members=True,
            max_lead=2,
        ),
        EventType(
            117, "tight", "Tight", 50, owner_id=3, optimized_slots=True, offset_start=5, after_buffer=10
        ),
        EventType(
            118,
            "vip",
            "VIP",
            60,
            owner_id=1,
            requires_authentication=True,
            max_active_bookings=1,
            schedule_id=351,
        ),
        EventType(
            121,
            "quarterly",
            "Quarterly",
            30,
            owner_id=4,
            limits_count=Limits(month=4, year=20),
            window=BookingWindow("businessDays", 3, rolling=True),
        ),
    )


def state(seed: int, now: datetime) -> State:
    """The world of DESCRIPTION as of `now`, with a few bookings, events and an absence placed by `seed`."""
    chance = random.Random(seed)
    today = now.astimezone(UTC).date()
    users = [
        User(number, name, f"{name}@example.com", full, zone, default_schedule_id=300 + number)
        for number, name, full, zone in USERS
    ]
    calendars = [
        CalendarConnection(
            200 + one.id, one.id, "google_calendar", one.email, f"{one.name}'s calendar", primary=True
        )
        for one in users[:4]
    ]
    schedules = [_schedule(one, chance, today) for one in users]
    schedules.append(Schedule(351, 1, "Saturdays", "Europe/Berlin", (Rule((5,), 600, 900),)))
    credentials = [Credential(USER_KEY.format(username=one.username), one.id) for one in users]
    credentials.append(Credential(MAIN_KEY, 1))
    memberships = [
        Membership(400 + 10 * (team_id - 11) + place, team_id, user_id, "OWNER" if user_id == 1 else "MEMBER")
        for team_id, user_ids in MEMBERS.items()
        for place, user_id in enumerate(user_ids)
    ]
    away_from = datetime.combine(today + timedelta(days=9 + chance.randrange(5)), datetime.min.time(), UTC)
    away = OutOfOffice(
        501, "ooo-farid", 6, away_from, away_from + timedelta(days=2), "vacation", to_user_id=2
    )
    made = State(
        users=PersistentMap((one.id, one) for one in users),
        teams=PersistentMap((one.id, one) for one in TEAMS),
        memberships=PersistentMap((one.id, one) for one in memberships),
        schedules=PersistentMap((one.id, one) for one in schedules),
        out_of_office=PersistentMap([(away.id, away)]),
        event_types=PersistentMap((one.id, one) for one in event_types(today)),
        calendars=PersistentMap((one.id, one) for one in calendars),
        external=PersistentMap((one.uid, one) for one in _external(calendars, chance, today)),
        credentials=PersistentMap((one.key, one) for one in credentials),
        last_id=118,  # the managed children get the ids that DESCRIPTION promises
        seed=seed,
    )
    made = replace(sync_children(made, made.event_types[107]), last_id=1000)
    for event_type_id, count in BOOKED:
        for number in range(count):
            made = _booked(made, event_type_id, number, chance, now)
    return made


def _schedule(user: User, chance: random.Random, today: date) -> Schedule:
    begin = 540 + 30 * chance.randrange(-1, 2)
    lunch = 720 + 30 * chance.randrange(3)
    overrides = (
        Override(today + timedelta(days=5 + chance.randrange(10)), 0, 0),
        Override(today + timedelta(days=16 + chance.randrange(10)), 600, 780),
    )
    rules = (Rule(WEEKDAYS, begin, lunch), Rule(WEEKDAYS, lunch + 60, begin + 480))
    return Schedule(300 + user.id, user.id, "Working hours", user.time_zone, rules, overrides)


def _external(calendars: list[CalendarConnection], chance: random.Random, today: date) -> list[ExternalBusy]:
    events = []
    for calendar in calendars:
        for number in range(6):
            day = datetime.combine(today + timedelta(days=1 + chance.randrange(20)), datetime.min.time(), UTC)
            start = day + timedelta(minutes=15 * chance.randrange(24, 64))
            length = timedelta(minutes=chance.choice((30, 45, 60, 90)))
            uid = f"external-{calendar.id}-{number}"
            events.append(ExternalBusy(uid, calendar.id, start, start + length, "Elsewhere"))
    return events


def _booked(made: State, event_type_id: int, number: int, chance: random.Random, now: datetime) -> State:
    query = SlotsQuery(now, now + timedelta(days=14), event_type_id)
    slots = [slot for day in answer(gather(made, query, now)).days.values() for slot in day]
    if not slots:
        return made
    command = CreateBooking(
        start=chance.choice(slots).start,
        event_type=EventTypeSelector(event_type_id),
        booker=Booker(f"Guest {event_type_id}-{number}", "Europe/Berlin", f"guest{number}@example.org"),
    )
    try:
        return bookings.create(made, command, now).state
    except Refused:
        return made  # a second choice of the same seat or time: this world has one booking fewer
