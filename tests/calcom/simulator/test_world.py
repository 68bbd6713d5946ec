"""Versions, history and facts."""

from __future__ import annotations

import pytest

from calcom.simulator.commands import Cancel, EventTypeSelector
from calcom.simulator.refusals import Refused
from tests.calcom.simulator.worlds import MORNING, NOW, book, individual, later, query, small_world, times


def test_each_mutation_is_one_version_with_its_time_and_cause() -> None:
    world = small_world()
    booking = book(world, "2026-03-03T10:00", now=later(seconds=1))
    world.cancel(booking.uid, Cancel(), later(seconds=2))
    assert [(one.version, one.committed_at, one.cause) for one in world.history] == [
        (0, NOW, "seed"),
        (1, later(seconds=1), "create_booking"),
        (2, later(seconds=2), "cancel"),
    ]


def test_facts_carry_the_version_that_caused_them() -> None:
    world = small_world()
    world.update_event_type(101, {"title": "New"}, NOW)
    booking = book(world, "2026-03-03T10:00")
    world.cancel(booking.uid, Cancel(), NOW)
    assert [(one.trigger, one.version) for one in world.events] == [
        ("BOOKING_CREATED", 2),
        ("BOOKING_CANCELLED", 3),
    ]


def test_older_versions_still_say_what_they_said() -> None:
    world = small_world()
    asked = query()
    said = [world.slots(asked, NOW)]
    for start in ("2026-03-03T10:00", "2026-03-03T11:00"):
        book(world, start)
        said.append(world.slots(asked, NOW))
    assert [world.slots_at(version, asked, NOW) for version in range(3)] == said
    assert len({result.canonical() for result in said}) == 3


def test_settings_tell_no_webhook() -> None:
    world = small_world()
    world.update_event_type(101, {"length": 15}, NOW)
    world.update_schedule(301, {"name": "N"}, NOW)
    world.update_user(1, {"name": "N"}, NOW)
    world.create_membership(11, 4, "MEMBER", True, NOW)
    world.set_calendar_broken(1, True, NOW)
    assert world.events == []


def test_meetings_start_and_end_with_the_clock() -> None:
    world = small_world()
    booking = book(world, "2026-03-03T10:00")
    facts = world.meeting_facts(booking.start - (booking.end - booking.start), booking.end)
    assert [(one.trigger, one.created_at) for one in facts] == [
        ("MEETING_STARTED", booking.start),
        ("MEETING_ENDED", booking.end),
    ]
    assert world.meeting_facts(booking.end, later(days=9)) == []


def test_a_cancelled_meeting_does_not_start() -> None:
    world = small_world()
    booking = book(world, "2026-03-03T10:00")
    world.cancel(booking.uid, Cancel(), NOW)
    assert world.meeting_facts(NOW, later(days=9)) == []


def test_lookups() -> None:
    world = small_world(individual(101))
    assert world.resolve(EventTypeSelector(slug="type-101", username="ann")).id == 101
    assert world.user_of_key("cal_nobody") is None
    assert world.recurrences("nope") == ()
    with pytest.raises(Refused) as refusal:
        world.booking_by_seat("nope")
    assert refusal.value.status == 404
    assert times(world) == MORNING
