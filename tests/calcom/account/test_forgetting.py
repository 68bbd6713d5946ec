"""After a write the map no longer claims what the write may have changed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from calcom.account import AccountMap, forget
from loadtest.scenarios.site import SCHEDULES, TYPES, Request
from tests.calcom.reach.desk import Desk


@pytest.fixture
def desk() -> Desk:
    desk = Desk(1)
    desk.learn_everything()
    return desk


def test_reads_and_bookings_take_nothing_away(desk: Desk) -> None:
    for method, path in (
        ("GET", "/v2/event-types/101"),
        ("POST", "/v2/bookings"),
        ("POST", "/v2/slots/reservations"),
    ):
        assert forget(desk.account, method, path) is desk.account


def test_a_changed_type_keeps_its_owner_and_nothing_else(desk: Desk) -> None:
    facts = forget(desk.account, "PATCH", "/v2/event-types/102").event_types[102]
    assert (facts.owner_id, facts.hosts, facts.scheduling) == (1, frozenset({1}), "individual")
    assert (facts.slug, facts.after_buffer, facts.window) == (None, None, None)


def test_the_answer_of_a_change_is_the_new_truth(desk: Desk) -> None:
    desk.do(Request("PATCH", "/v2/event-types/102", {"afterEventBuffer": 90}, 1, TYPES))
    assert desk.account.event_types[102].after_buffer == 90
    assert desk.account.event_types[102].slug == "consult"


def test_an_unheard_change_leaves_the_type_unknown_and_known_of(desk: Desk) -> None:
    desk.do(replace(Request("PATCH", "/v2/event-types/102", {"afterEventBuffer": 90}, 1, TYPES), lost=True))
    assert desk.account.event_types[102].after_buffer is None


def test_a_deletion_counts_only_when_it_was_confirmed(desk: Desk) -> None:
    desk.do(replace(Request("DELETE", "/v2/event-types/101", None, 1, TYPES), lost=True))
    assert 101 in desk.account.event_types
    desk.do(Request("DELETE", "/v2/event-types/102", None, 1, TYPES))
    assert 102 not in desk.account.event_types


def test_a_managed_type_takes_what_may_be_its_children_with_it(desk: Desk) -> None:
    account = forget(desk.account, "PATCH", "/v2/teams/12/event-types/107")
    assert account.event_types[119].lengths is None
    assert account.event_types[103].lengths == frozenset({30}), "Bela is no member of that team"
    assert not any(one.startswith("event_types:") for one in account.complete)


def test_members_are_uncertain_after_a_membership_changed(desk: Desk) -> None:
    account = forget(desk.account, "POST", "/v2/organizations/1/teams/12/memberships")
    assert account.hosts_of(116) is None
    assert account.hosts_of(106) == frozenset({1, 2, 4, 6}), "the other team is as it was"


def test_a_profile_is_forgotten_whole_or_all_of_them(desk: Desk) -> None:
    account = forget(desk.account, "PATCH", "/v2/me", {"data": {"id": 3}})
    assert account.email_of(3) is None
    assert account.email_of(1) == "ada@example.com"
    assert forget(desk.account, "PATCH", "/v2/me", None).users == {}


def test_a_deleted_schedule_leaves_its_event_types_without_a_known_one(desk: Desk) -> None:
    account = forget(desk.account, "DELETE", "/v2/schedules/351")
    assert account.event_types[118].schedule_id is None
    assert 351 not in account.schedules
    assert desk.read("/v2/schedules", 1, SCHEDULES).status == 200


def test_changes_to_people_of_an_organization_leave_nothing_certain(desk: Desk) -> None:
    account = forget(desk.account, "PATCH", "/v2/organizations/1/users/3")
    assert account.event_types.keys() == desk.account.event_types.keys()
    assert account.hosts_of(101) is None
    assert (account.users, account.complete) == ({}, frozenset())


def test_forgetting_what_was_not_known_changes_nothing() -> None:
    empty = AccountMap.empty()
    for path in (
        "/v2/event-types/1",
        "/v2/teams/1",
        "/v2/me",
        "/v2/schedules/1",
        "/v2/organizations/1/users/3",
    ):
        assert forget(empty, "PATCH", path) is empty
