"""External calendars."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from calcom.simulator.model import CalendarConnection, ExternalBusy
from calcom.simulator.refusals import Refused
from calcom.simulator.world import World
from tests.calcom.simulator.worlds import NOW, instant, small_world, times


def connected() -> tuple[World, CalendarConnection]:
    world = small_world()
    return world, world.connect_calendar(CalendarConnection(0, 1, "google_calendar", "ann", "Ann"), NOW)


def event(uid: str, connection_id: int, start: str, end: str) -> ExternalBusy:
    return ExternalBusy(uid, connection_id, instant(start), instant(end))


def test_an_event_without_a_uid_gets_one_and_one_with_a_known_uid_is_changed() -> None:
    world, calendar = connected()
    made = world.put_external_event(event("", calendar.id, "2026-03-03T09:00", "2026-03-03T09:30"), NOW)
    assert made.uid
    world.put_external_event(event(made.uid, calendar.id, "2026-03-03T11:30", "2026-03-03T12:00"), NOW)
    assert times(world) == ["09:00", "09:30", "10:00", "10:30", "11:00"]


def test_busy_times_are_those_of_the_calendars_asked_for_that_touch_the_range() -> None:
    world, calendar = connected()
    other = world.connect_calendar(CalendarConnection(0, 2, "ics", "bob", "Bob"), NOW)
    for uid, number, start, end in (
        ("late", calendar.id, "2026-03-03T11:00", "2026-03-03T12:00"),
        ("early", calendar.id, "2026-03-03T08:00", "2026-03-03T09:01"),
        ("before", calendar.id, "2026-03-03T08:00", "2026-03-03T09:00"),
        ("bobs", other.id, "2026-03-03T10:00", "2026-03-03T11:00"),
    ):
        world.put_external_event(event(uid, number, start, end), NOW)
    found = world.busy_times([calendar.id], instant("2026-03-03T09:00"), instant("2026-03-03T12:00"))
    assert [one.uid for one in found] == ["early", "late"]


def test_breaking_the_calendar_of_a_user_without_one_gives_them_a_broken_one() -> None:
    world = small_world()
    world.set_calendar_broken(1, True, NOW)
    (calendar,) = world.state.calendars.values()
    assert (calendar.user_id, calendar.broken) == (1, True)


def test_a_broken_calendar_that_is_not_selected_harms_nobody() -> None:
    world, calendar = connected()
    world.select_calendar(calendar.id, False, NOW)
    world.set_calendar_broken(1, True, NOW)
    assert len(times(world)) == 6


@pytest.mark.parametrize(
    "attempt",
    [
        lambda world: world.disconnect_calendar(9, NOW),
        lambda world: world.delete_external_event("x", NOW),
        lambda world: world.put_external_event(event("x", 9, "2026-03-03T09:00", "2026-03-03T10:00"), NOW),
        lambda world: world.connect_calendar(CalendarConnection(0, 9, "ics", "x", "X"), NOW),
    ],
)
def test_unknown_ids_are_404(attempt: Callable[[World], object]) -> None:
    with pytest.raises(Refused) as refusal:
        attempt(small_world())
    assert refusal.value.status == 404
