"""The map says what answers said, no more, and says unknown for the rest."""

from __future__ import annotations

from typing import Any

import pytest

from calcom.account import NO_SCHEDULE, AccountMap, Window, conflict_set, learn
from loadtest.scenarios.site import SCHEDULES, TYPES, Request
from tests.calcom.reach.desk import Desk

DAILY = 12  # the seeded limit of team 11


@pytest.fixture
def desk() -> Desk:
    return Desk(1)


def learned(path: str, data: Any, method: str = "GET", status: int = 200, **query: str) -> AccountMap:
    """An empty map after one answer."""
    return learn(AccountMap.empty(), method, path, query, TYPES, status, {"data": data})


def test_an_event_type_is_read_with_all_that_decides_reach(desk: Desk) -> None:
    desk.read("/v2/event-types", 1, TYPES)
    facts = desk.account.event_types[102]
    assert (facts.slug, facts.owner_id, facts.hosts, facts.scheduling) == (
        "consult",
        1,
        frozenset({1}),
        "individual",
    )
    assert (facts.before_buffer, facts.after_buffer, facts.lengths) == (15, 30, frozenset({45}))
    assert (facts.limit_periods, facts.window, facts.seats) == (frozenset(), Window("none"), 0)
    assert (facts.schedule_id, facts.recurs, facts.blocks_pending) == (NO_SCHEDULE, False, False)
    assert desk.account.event_types[118].schedule_id == 351


def test_rolling_windows_limits_seats_and_series_are_seen(desk: Desk) -> None:
    desk.learn_everything()
    types = desk.account.event_types
    assert types[111].window == Window("calendarDays", "5", True)
    assert types[113].window is not None
    assert not types[113].window.rolling
    assert types[103].limit_periods == frozenset({"day", "week"})
    assert types[104].limit_periods == frozenset({"week", "month"})
    assert (types[108].seats, types[109].recurs, types[114].blocks_pending) == (5, True, True)
    assert types[110].lengths == frozenset({15, 30, 60})


def test_a_type_for_all_members_has_unknown_hosts_until_the_members_are_known(desk: Desk) -> None:
    desk.read("/v2/teams/12/event-types")
    assert desk.account.hosts_of(116) is None
    desk.read("/v2/teams/12/memberships")
    assert desk.account.hosts_of(116) == frozenset({1, 3, 5, 7})


def test_a_cut_list_of_hosts_is_not_taken_for_all_of_them(desk: Desk) -> None:
    desk.read("/v2/teams/11/event-types", query={"hostsLimit": "2"})
    assert desk.account.hosts_of(106) is None
    desk.read("/v2/teams/11/event-types")
    desk.read("/v2/teams/11/event-types", query={"hostsLimit": "2"})
    assert desk.account.hosts_of(106) == frozenset({1, 2, 4, 6})


@pytest.mark.parametrize("query", [{"take": "4"}, {"skip": "1"}, {"emails": "ada@example.com"}])
def test_a_page_of_members_is_not_all_members(desk: Desk, query: dict[str, str]) -> None:
    desk.read("/v2/teams/11/memberships", query=query)
    assert "members:11" not in desk.account.complete
    desk.read("/v2/teams/11/memberships")
    assert "members:11" in desk.account.complete


def test_only_ones_own_list_is_complete(desk: Desk) -> None:
    desk.read("/v2/event-types", 1, TYPES, {"username": "bela"})
    assert 115 not in desk.account.event_types, "a hidden one is its owner's to see"
    assert "event_types:2" not in desk.account.complete
    desk.read("/v2/event-types", 2, TYPES)
    assert "event_types:2" in desk.account.complete


def test_teams_show_their_limits_or_leave_them_unknown(desk: Desk) -> None:
    desk.read("/v2/teams/11")
    assert desk.account.teams[11].limits == (("day", DAILY),)
    hosted = learned("/v2/teams/5", {"id": 5, "slug": "x", "name": "X"})
    assert hosted.teams[5].limits is None


def test_closed_dates_do_not_make_hours_overnight(desk: Desk) -> None:
    desk.read("/v2/schedules", 1, SCHEDULES)
    assert not desk.account.schedules[301].overnight
    hours = [{"days": ["Monday"], "startTime": "00:00", "endTime": "23:59"}]
    desk.do(Request("PATCH", "/v2/schedules/301", {"availability": hours}, 1, SCHEDULES))
    assert desk.account.schedules[301].overnight


def test_nothing_new_is_the_very_same_map(desk: Desk) -> None:
    desk.learn_everything()
    before = desk.account
    desk.learn_everything()
    assert desk.account is before


def test_each_change_is_one_version_on(desk: Desk) -> None:
    versions = [desk.account.version]
    for path in ("/v2/me", "/v2/event-types", "/v2/me"):
        desk.read(path, 1, TYPES)
        versions.append(desk.account.version)
    assert versions == [0, 1, 2, 2]


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("/v2/event-types", {"eventTypeGroups": [{"eventTypes": [{"id": 1, "length": 30}]}]}),
        ("/v2/event-types", [{"id": "1", "lengthInMinutes": 30}, 7, None]),
        ("/v2/teams/x/memberships", [{"userId": 1, "user": {}}]),
        ("/v2/me", {"id": True}),
        ("/v2/bookings", [{"id": 1, "uid": "u"}]),
    ],
)
def test_old_shapes_and_nonsense_teach_nothing(path: str, data: Any) -> None:
    assert learned(path, data).version == 0


def test_errors_teach_nothing() -> None:
    assert learned("/v2/me", {"id": 1, "email": "a@example.org"}, status=500).users == {}


def test_odd_fields_read_as_unknown() -> None:
    record = {"id": 9, "lengthInMinutes": 30, "ownerId": 1, "bookingWindow": [{"type": 3}], "seats": "many"}
    facts = learned("/v2/event-types/9", record).event_types[9]
    assert (facts.window, facts.seats, facts.before_buffer, facts.limits_count) == (None, None, None, ())


def test_a_window_that_does_not_say_whether_it_rolls_is_taken_to() -> None:
    record = {
        "id": 9,
        "lengthInMinutes": 30,
        "ownerId": 1,
        "bookingWindow": [{"type": "calendarDays", "value": 5}],
    }
    assert learned("/v2/event-types/9", record).event_types[9].window == Window("calendarDays", "5", True)


def test_types_conflict_through_any_host(desk: Desk) -> None:
    desk.learn_everything()
    assert conflict_set(desk.account, 110) == {110, 121, 105, 106}, "Daniel's own, and where he hosts"
    assert conflict_set(desk.account, 119) == {104, 107, 116, 117, 119}, "a managed child is its owner's"
    assert conflict_set(AccountMap.empty(), 5) == {5}


def test_the_notice_is_learned_where_it_is_told(desk: Desk) -> None:
    desk.read("/v2/event-types", 2, TYPES)
    assert desk.account.event_types[115].notice == 1440
    assert desk.account.event_types[103].notice == 60
