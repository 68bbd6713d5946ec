"""Settings under which a range is no part of a longer one: the verdict, and the answer that would have been wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Any

import pytest

from calcom.account import (
    NO_PARENT,
    AccountMap,
    EventTypeFacts,
    Promises,
    TeamFacts,
    Window,
)
from calcom.ranges import digest_of, is_additive
from calcom.ranges.additive import BUFFER_MARGIN, DAY_MARGIN, WEEK_MARGIN, Verdict, length_of
from calcom.ranges.looks import WINDOW_DAYS
from calcom.simulator.model import Booking, EventType, Host, Limits, Override, Rule
from calcom.simulator.world import World
from tests.calcom.ranges.scenes import (
    body_of,
    derived,
    params_of,
    planned,
    scene,
    short_sighted,
)

PLAIN = EventTypeFacts(
    7,
    slug="intro",
    scheduling="individual",
    owner_id=1,
    parent_id=NO_PARENT,
    hosts=frozenset({1}),
    assigns_all_members=False,
    lengths=frozenset({30}),
    slot_interval=0,
    offset=0,
    before_buffer=0,
    after_buffer=0,
    limits_count=(),
    limits_duration=(),
    window=Window("none"),
    first_slot_only=False,
    optimized_slots=False,
    seats=0,
    recurs=False,
    confirms=False,
    blocks_pending=False,
    schedule_id=0,
    hidden=False,
)


def account(*types: EventTypeFacts, **rest: Any) -> AccountMap:
    return AccountMap(event_types={one.id: one for one in types}, **rest)


def why(**changes: Any) -> str:
    return is_additive(account(replace(PLAIN, **changes)), 7).why


def test_a_plain_type_is_additive() -> None:
    verdict = is_additive(account(PLAIN), 7)
    assert verdict
    assert verdict.margin == DAY_MARGIN


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"scheduling": "managed"}, "managed"),
        ({"scheduling": "roundRobin", "team_id": 11}, "stand in"),
        ({"window": Window("calendarDays", "5", rolling=True)}, "rolling"),
        ({"window": Window("moonPhases", "5")}, "window"),
        ({"first_slot_only": True}, "first slot"),
        ({"optimized_slots": True}, "cuts"),
        ({"offset": 5}, "cuts"),
        ({"lengths": frozenset({45})}, "cuts"),
        ({"lengths": frozenset({15, 50})}, "cuts"),
        ({"slot_interval": 25}, "cuts"),
        ({"lengths": frozenset({900}), "slot_interval": 60}, "longer"),
        ({"before_buffer": 500}, "buffers"),
        ({"after_buffer": 500}, "buffers"),
        ({"limits_count": (("month", 3),)}, "per month"),
        ({"limits_duration": (("day", 60), ("year", 600))}, "per year"),
    ],
)
def test_a_setting_that_looks_beyond_the_range_speaks_against_it(changes: dict[str, Any], word: str) -> None:
    assert word in why(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"window": Window("calendarDays", "5")},
        {"window": Window("range", "['2026-01-01', '2026-02-01']")},
        {"seats": 5},
        {"lengths": frozenset({15, 30, 60})},
        {"lengths": frozenset({90}), "slot_interval": 15},
        {"confirms": True, "blocks_pending": True, "recurs": True, "hidden": True},
    ],
)
def test_what_each_slot_carries_for_itself_does_not(changes: dict[str, Any]) -> None:
    assert why(**changes) == ""


@pytest.mark.parametrize("limits", [(("day", 3),), (("week", 8),), (("day", 3), ("week", 8))])
def test_limits_that_fit_into_a_window_widen_it(limits: Any) -> None:
    verdict = is_additive(account(replace(PLAIN, limits_count=limits)), 7)
    assert verdict
    assert verdict.margin == WEEK_MARGIN


NO_MATTER = {
    "id", "slug", "owner_id", "team_id", "parent_id", "recurs", "confirms", "blocks_pending", "schedule_id",
    "hidden", "notice",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted({one.name for one in fields(EventTypeFacts)} - NO_MATTER))
def test_what_is_not_known_speaks_against_it(name: str) -> None:
    assert why(**{name: None}) != ""


def test_a_type_that_nobody_knows_is_not_additive() -> None:
    assert is_additive(account(PLAIN), 8).why


def test_buffers_widen_a_window_and_those_of_another_type_of_its_host_too() -> None:
    assert is_additive(account(replace(PLAIN, before_buffer=10)), 7).margin == BUFFER_MARGIN
    other = replace(PLAIN, id=8, after_buffer=15)
    assert is_additive(account(PLAIN, other), 7) == Verdict(margin=BUFFER_MARGIN)
    elsewhere = replace(other, owner_id=2, hosts=frozenset({2}))
    assert is_additive(account(PLAIN, elsewhere), 7) == Verdict(margin=DAY_MARGIN)
    assert "not known" in is_additive(account(PLAIN, EventTypeFacts(8)), 7).why
    assert "longer" in is_additive(account(PLAIN, replace(other, after_buffer=721)), 7).why


def test_a_round_robin_is_additive_once_it_is_promised_plain() -> None:
    turns = replace(PLAIN, scheduling="roundRobin", owner_id=None, team_id=11, hosts=frozenset({1, 2}))
    promises = Promises(frozenset({7}), frozenset({11}))
    assert is_additive(account(turns, promises=promises), 7)


def test_limits_of_its_team_count_as_its_own() -> None:
    team_type = replace(PLAIN, scheduling="collective", owner_id=None, team_id=11)

    def verdict(team: TeamFacts | None) -> Any:
        return is_additive(account(team_type, teams={} if team is None else {11: team}), 7)

    assert "not known" in verdict(None).why
    assert "not known" in verdict(TeamFacts(11)).why
    assert "month" in verdict(TeamFacts(11, limits=(("month", 50),), limits_managed=False)).why
    assert verdict(TeamFacts(11, limits=(("day", 12),), limits_managed=False)).margin == WEEK_MARGIN
    assert verdict(TeamFacts(11, limits=(), limits_managed=False)).margin == DAY_MARGIN


def test_the_digest_tells_every_setting_but_names() -> None:
    other = replace(PLAIN, slug="other", hidden=True)
    assert digest_of(other) == digest_of(PLAIN)
    assert digest_of(replace(PLAIN, limits_count=(("day", 3),))) != digest_of(PLAIN)
    assert digest_of(replace(PLAIN, hosts=frozenset({1, 2}))) != digest_of(PLAIN)
    assert digest_of(replace(PLAIN, hosts=frozenset({5, 1}))) == digest_of(
        replace(PLAIN, hosts=frozenset({1, 5}))
    )


def test_the_length_of_slots_is_known_only_when_it_is_certain() -> None:
    several = replace(PLAIN, lengths=frozenset({15, 30}))
    assert length_of(PLAIN, None) == 30
    assert length_of(several, None) is None
    assert length_of(several, "15") == 15
    assert length_of(several, "45") is None
    assert length_of(several, "¹⁵") is None


def test_the_margin_holds_every_week_that_a_day_of_the_window_is_in_and_no_smaller_one_does() -> None:
    first = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
    last = first + timedelta(days=WINDOW_DAYS - 1)
    needed = 0
    for booker in range(-12, 15):
        for event in range(-12, 15):
            zone = timezone(timedelta(hours=event))
            begin = (first - timedelta(hours=booker)).astimezone(zone)
            end = (last + timedelta(days=1, seconds=-1, hours=-booker)).astimezone(zone)
            for week_start in (0, 6):
                since = (begin - timedelta(days=(begin.weekday() - week_start) % 7)).replace(hour=0)
                until = (end + timedelta(days=(week_start - 1 - end.weekday()) % 7)).replace(hour=23)
                days_before = (first.date() - since.astimezone(UTC).date()).days
                days_after = (until.astimezone(UTC).date() - last.date()).days
                needed = max(needed, days_before, days_after)
    assert needed == WEEK_MARGIN


Ask = Callable[..., bytes]


def goes_wrong(believed: dict[str, Any], *types: EventType, ask: Ask = body_of) -> bool:
    """Whether some answer comes out wrong when the map believes something else of the types."""
    for seed in range(40):
        chance = Random(seed)
        desk = scene(chance, types)
        known = {number: replace(one, **believed) for number, one in desk.account.event_types.items()}
        lied = replace(desk.account, event_types=known)
        for _ in range(10):
            params = params_of(chance, types[0], desk.now)
            look = planned(desk, params, lied)
            assert planned(desk, params) is None, "the verdict should have been against it"
            made = None if look is None else derived(desk, look, ask)
            if made is not None and made != ask(desk, params):
                return True
    return False


def kind(**changes: Any) -> EventType:
    return EventType(700, "type", "T", **{"length": 30, "owner_id": 1, "minimum_notice": 0} | changes)


@pytest.mark.parametrize(
    ("changes", "believed"),
    [
        ({"first_slot_only": True}, {"first_slot_only": False}),
        ({"optimized_slots": True}, {"optimized_slots": False}),
        ({"offset_start": 5}, {"offset": 0}),
        ({"length": 45}, {"slot_interval": 15}),
        ({"slot_interval": 25}, {"slot_interval": 15}),
    ],
    ids=["first-slot", "optimized", "offset", "length", "interval"],
)
def test_believing_otherwise_would_give_wrong_answers(
    changes: dict[str, Any], believed: dict[str, Any]
) -> None:
    assert goes_wrong(believed, kind(**changes))


def test_believing_that_a_month_is_a_week_would_give_wrong_answers_where_calcom_is_short_sighted() -> None:
    monthly = kind(limits_count=Limits(month=2))
    assert goes_wrong({"limits_count": (("week", 2),)}, monthly, ask=short_sighted)


def test_believing_that_nobody_stands_in_would_give_wrong_answers() -> None:
    hosts = (Host(1), Host(2))
    turns = kind(owner_id=None, team_id=11, scheduling="roundRobin", hosts=hosts, max_lead=0)
    desk = scene(Random(1), (turns,))
    state = desk.world.state
    far = (desk.now + timedelta(days=33)).date()
    rarely = replace(state.schedules[301], availability=(), overrides=(Override(far, 600, 720),))
    always = replace(state.schedules[302], availability=(Rule(tuple(range(7)), 540, 1020),), overrides=())
    state = replace(state, schedules=state.schedules.set(301, rarely).set(302, always))
    lead = Booking(1, "lead", "accepted", desk.now, desk.now, turns.id, 2, (2,), (), desk.now, desk.now)
    desk.sim.world = World(state.with_booking(lead), desk.now)
    params = {"eventTypeId": "700", "start": str(far), "end": str(far), "timeZone": "Europe/Berlin"}
    assert planned(desk, params) is None
    look = planned(desk, params, replace(desk.account, promises=Promises(frozenset({700}), frozenset({11}))))
    assert look is not None
    assert derived(desk, look) != body_of(desk, params)
