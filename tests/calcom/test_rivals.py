"""Who gets in whose way, and what is certain of it."""

from typing import Any

import pytest

from calcom.account.facts import AccountMap, EventTypeFacts, TeamFacts
from calcom.rivals import HOST_BUSY, TEAM_HOST_BUSY, Landed, Wish, landed_of, leaves_no_room, wish_of

NINE = 1_893_488_400
"""2030-01-01T09:00:00Z."""


def facts(number: int, **more: Any) -> EventTypeFacts:
    plain: dict[str, Any] = {
        "scheduling": "individual",
        "owner_id": 1,
        "hosts": frozenset({1}),
        "assigns_all_members": False,
        "lengths": frozenset({30}),
        "before_buffer": 0,
        "after_buffer": 0,
        "seats": 0,
        "recurs": False,
    }
    return EventTypeFacts(number, **plain | more)


def team(number: int, scheduling: Any, *hosts: int, **more: Any) -> EventTypeFacts:
    changed: dict[str, Any] = {
        "scheduling": scheduling,
        "owner_id": None,
        "team_id": 9,
        "hosts": frozenset(hosts),
    }
    return facts(number, **changed | more)


def account(*types: EventTypeFacts) -> AccountMap:
    return AccountMap(
        event_types={one.id: one for one in types},
        teams={9: TeamFacts(9, "sales", members=frozenset({1, 2, 3}))},
        complete=frozenset({"members:9"}),
    )


ACCOUNT = account(
    facts(101),
    facts(102, before_buffer=15, after_buffer=30, lengths=frozenset({45})),
    facts(103, owner_id=2, hosts=frozenset({2})),
    facts(104, seats=5),
    facts(105, recurs=True),
    facts(106, lengths=frozenset({15, 60})),
    team(201, "collective", 1, 2),
    team(202, "roundRobin", 1, 2, 3),
    team(203, "collective", assigns_all_members=True),
    facts(204, seats=None),
)


def wish(number: int, clock: str = "09:00", more: dict[str, Any] | None = None) -> Wish:
    found = wish_of(ACCOUNT, {"eventTypeId": number, "start": f"2030-01-01T{clock}:00Z", **(more or {})})
    assert found is not None
    return found


def made(
    number: int, clock: str = "09:00", until: str = "09:30", organizer: int = 1, **more: Any
) -> Landed | None:
    data = {
        "uid": "u",
        "status": "accepted",
        "eventTypeId": number,
        "start": f"2030-01-01T{clock}:00.000Z",
        "end": f"2030-01-01T{until}:00.000Z",
        "hosts": [{"id": organizer}],
    }
    return landed_of({"status": "success", "data": data | more})


def are_rivals(one: Wish, other: Wish) -> bool:
    return bool(set(one.names) & set(other.names)) and one.begin < other.end and other.begin < one.end


def test_a_wish_reaches_over_its_longest_length_and_its_buffers() -> None:
    assert (wish(102).begin, wish(102).end) == (NINE - 15 * 60, NINE + 75 * 60 + 1)
    assert wish(106).end == NINE + 60 * 60 + 1
    assert wish(106, more={"lengthInMinutes": 15}).end == NINE + 15 * 60 + 1
    assert wish(106, more={"lengthInMinutes": 10**12}).end == NINE + 60 * 60 + 1


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (wish(101), wish(101), True),
        (wish(101), wish(101, "10:00"), False),
        (wish(101), wish(102, "09:40"), True),
        (wish(101), wish(103), False),
        (wish(101), wish(201), True),
        (wish(103), wish(203), True),
        (wish(202), wish(103), True),
        (wish(999), wish(999), True),
        (wish(999), wish(101), False),
    ],
)
def test_rivals_share_a_host_or_a_type_at_overlapping_times(one: Wish, other: Wish, expected: bool) -> None:
    assert are_rivals(one, other) is expected


def test_a_type_nobody_knows_is_still_its_own_rival_however_it_is_spelt() -> None:
    slug = {"eventTypeSlug": "intro", "username": "ada", "start": "2030-01-01T09:00:00Z"}
    one, other = (
        wish_of(ACCOUNT, slug),
        wish_of(ACCOUNT, {**slug, "username": "Ada", "start": "2030-01-01T10:00:00+01:00"}),
    )
    assert one is not None
    assert one == other
    assert one.needs == frozenset()


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"eventTypeId": 101},
        {"start": "2030-01-01T09:00:00Z"},
        {"eventTypeId": 101, "start": "x"},
    ],
)
def test_what_names_no_type_or_no_time_is_nobodys_rival(document: Any) -> None:
    assert wish_of(ACCOUNT, document) is None


def test_of_the_same_type_and_time_one_leaves_no_room_for_the_other() -> None:
    landed = made(101)
    assert landed is not None
    assert leaves_no_room(landed, wish(101))
    assert wish(101).taken == HOST_BUSY
    both = made(201)
    assert both is not None
    assert leaves_no_room(both, wish(201))
    assert wish(201).taken == TEAM_HOST_BUSY


def test_a_host_that_is_needed_is_busy_on_every_type() -> None:
    landed = made(102, "09:00", "09:45")
    assert landed is not None
    assert leaves_no_room(landed, wish(101))
    assert leaves_no_room(landed, wish(201))
    assert not leaves_no_room(landed, wish(103)), "another host's"
    assert not leaves_no_room(landed, wish(101, "09:45")), "buffers are for Cal.com to tell"
    assert not leaves_no_room(landed, wish(101, "08:45")), "its length may have changed"


def test_those_who_share_a_time_by_seats_are_no_rivals() -> None:
    assert wish_of(ACCOUNT, {"eventTypeId": 104, "start": "2030-01-01T09:00:00Z"}) is None


@pytest.mark.parametrize("number", [105, 202, 204, 999])
def test_where_there_may_be_room_nothing_is_certain(number: int) -> None:
    landed = made(number)
    assert landed is not None
    assert not leaves_no_room(landed, wish(number))


@pytest.mark.parametrize("name", ["instant", "allowConflicts", "allowBookingOutOfBounds", "recurrenceCount"])
def test_exceptions_are_for_cal_com_to_judge(name: str) -> None:
    landed = made(101)
    assert landed is not None
    assert not leaves_no_room(landed, wish(101, more={name: True}))


@pytest.mark.parametrize(
    "odd", [{"status": "pending"}, {"seatUid": "s"}, {"hosts": []}, {"end": None}, {"eventTypeId": None}]
)
def test_a_booking_that_may_leave_its_time_free_proves_nothing(odd: dict[str, Any]) -> None:
    assert made(101, **odd) is None


def test_a_series_proves_nothing() -> None:
    assert landed_of({"data": []}) is None
    assert landed_of(None) is None


def test_what_was_made_is_told_in_one_word() -> None:
    landed = made(101)
    assert landed is not None
    assert Landed.of(landed.text()) == landed
    assert " " not in landed.text()
