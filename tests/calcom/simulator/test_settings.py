"""Schedules, absences, profiles and event types."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from calcom.simulator.model import Host, OutOfOffice, Rule
from calcom.simulator.refusals import Refused
from calcom.simulator.settings import children_of
from tests.calcom.simulator.worlds import (
    MORNING,
    NOW,
    book,
    individual,
    instant,
    small_world,
    team_type,
    times,
)


def status_of(attempt: Callable[[], object]) -> int:
    with pytest.raises(Refused) as refusal:
        attempt()
    return refusal.value.status


def away(user_id: int = 1, start: str = "2026-03-03T00:00", end: str = "2026-03-04T00:00") -> OutOfOffice:
    return OutOfOffice(0, "", user_id, instant(start), instant(end), "vacation")


def test_a_deleted_default_is_replaced_by_the_oldest_other_schedule() -> None:
    world = small_world()
    other = world.create_schedule(1, "Other", "UTC", (Rule((1,), 600, 630),), (), False, NOW)
    world.delete_schedule(301, NOW)
    assert world.state.users[1].default_schedule_id == other.id
    assert times(world) == ["10:00"]


def test_a_first_schedule_is_the_default_whatever_was_asked() -> None:
    world = small_world()
    world.delete_schedule(301, NOW)
    made = world.create_schedule(1, "First", "UTC", (), (), False, NOW)
    assert world.state.users[1].default_schedule_id == made.id


def test_a_type_whose_schedule_is_deleted_falls_back_on_the_default() -> None:
    world = small_world()
    other = world.create_schedule(1, "Other", "UTC", (Rule((1,), 600, 630),), (), False, NOW)
    world.update_event_type(101, {"schedule_id": other.id}, NOW)
    assert times(world) == ["10:00"]
    world.delete_schedule(other.id, NOW)
    assert times(world) == MORNING


def test_only_a_new_absence_is_told() -> None:
    world = small_world()
    entry = world.create_out_of_office(away(), NOW)
    world.update_out_of_office(entry.id, {"notes": "sun"}, NOW)
    world.delete_out_of_office(entry.id, NOW)
    assert [one.trigger for one in world.events] == ["OOO_CREATED"]
    assert world.events[0].out_of_office == entry
    assert times(world) == MORNING


def test_absences_that_make_no_sense_are_refused() -> None:
    world = small_world()
    world.create_out_of_office(away(), NOW)
    assert status_of(lambda: world.create_out_of_office(away(start="2026-03-03T12:00"), NOW)) == 409
    assert status_of(lambda: world.create_out_of_office(away(2, end="2026-03-02T00:00"), NOW)) == 400
    assert status_of(lambda: world.create_out_of_office(away(99), NOW)) == 404
    itself = OutOfOffice(0, "", 2, instant("2026-03-03T00:00"), instant("2026-03-04T00:00"), to_user_id=2)
    assert status_of(lambda: world.create_out_of_office(itself, NOW)) == 400


def test_a_profile_cannot_take_anothers_name_or_schedule() -> None:
    world = small_world()
    assert status_of(lambda: world.update_user(1, {"username": "BOB"}, NOW)) == 400
    assert status_of(lambda: world.update_user(1, {"default_schedule_id": 302}, NOW)) == 400
    assert world.update_user(1, {"username": "Anna"}, NOW).username == "Anna"


def test_an_unknown_field_is_a_programming_error_and_changes_nothing() -> None:
    world = small_world()
    with pytest.raises(TypeError):
        world.update_event_type(101, {"lenght": 15}, NOW)
    assert world.version == 0


def test_an_event_type_has_an_owner_or_a_team_and_a_free_slug() -> None:
    world = small_world()
    assert status_of(lambda: world.create_event_type(individual(0, owner_id=None), NOW)) == 400
    assert status_of(lambda: world.create_event_type(individual(0, scheduling="collective"), NOW)) == 400
    assert status_of(lambda: world.create_event_type(team_type(0, "individual", ()), NOW)) == 400
    assert status_of(lambda: world.create_event_type(individual(0, slug="type-101"), NOW)) == 400
    assert world.create_event_type(individual(0, 2, slug="type-101"), NOW).id > 1000


def test_unknown_ids_are_404() -> None:
    world = small_world()
    assert status_of(lambda: world.update_event_type(9, {}, NOW)) == 404
    assert status_of(lambda: world.update_schedule(9, {}, NOW)) == 404
    assert status_of(lambda: world.update_user(9, {}, NOW)) == 404
    assert status_of(lambda: world.delete_out_of_office(9, NOW)) == 404


def test_managed_children_follow_their_parent_and_keep_ids_and_bookings() -> None:
    world = small_world()
    parent = world.create_event_type(team_type(0, "managed", (Host(1), Host(2)), slug="managed"), NOW)
    before = {one.owner_id: one.id for one in children_of(world.state, parent.id)}
    booking = book(world, "2026-03-03T10:00", before[1])
    world.update_event_type(parent.id, {"length": 60, "hosts": (Host(1), Host(3))}, NOW)
    after = {one.owner_id: one for one in children_of(world.state, parent.id)}
    assert set(after) == {1, 3}
    assert (after[1].id, after[1].length) == (before[1], 60)
    assert world.booking(booking.uid).status == "accepted"
    world.delete_event_type(parent.id, NOW)
    assert children_of(world.state, parent.id) == []


def test_a_managed_type_of_all_members_gets_a_child_for_everyone_who_joins() -> None:
    world = small_world()
    parent = world.create_event_type(
        team_type(0, "managed", (), slug="managed", assign_all_members=True), NOW
    )
    assert {one.owner_id for one in children_of(world.state, parent.id)} == {1, 2, 3}
    joined = world.create_membership(11, 4, "MEMBER", True, NOW)
    assert {one.owner_id for one in children_of(world.state, parent.id)} == {1, 2, 3, 4}
    world.delete_membership(joined.id, NOW)
    assert {one.owner_id for one in children_of(world.state, parent.id)} == {1, 2, 3}
