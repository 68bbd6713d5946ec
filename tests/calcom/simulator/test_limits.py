"""Full periods: the finer points; the mechanisms themselves are in test_mechanisms.py."""

from __future__ import annotations

from calcom.simulator.commands import Cancel
from calcom.simulator.model import ConfirmationPolicy, Limits
from tests.calcom.simulator.worlds import NOW, book, days, individual, small_world, times


def test_a_week_that_reaches_into_the_next_month_counts_whole() -> None:
    world = small_world(individual(101, limits_count=Limits(week=1, month=10)))
    book(world, "2026-04-01T09:00")  # the week of Sunday 29 March
    assert days(world, 101, "2026-03-29", "2026-04-06") == ["2026-04-06"]


def test_pending_and_cancelled_bookings_do_not_count() -> None:
    policy = ConfirmationPolicy("always", blocks_unconfirmed=True)
    world = small_world(individual(101, limits_count=Limits(day=1), confirmation=policy))
    pending = book(world, "2026-03-03T09:00")
    assert times(world)[0] == "09:30"
    world.confirm(pending.uid, 1, NOW)
    assert times(world) == []
    world.cancel(pending.uid, Cancel(), NOW)
    assert times(world)[0] == "09:00"


def test_a_length_longer_than_what_is_left_of_a_duration_limit_closes_the_period() -> None:
    world = small_world(individual(101, length=60, limits_duration=Limits(week=90)))
    assert times(world) != []
    book(world, "2026-03-03T09:00")
    assert days(world, 101, "2026-03-02", "2026-03-09") == ["2026-03-09"]


def test_the_strictest_of_several_limits_binds() -> None:
    world = small_world(individual(101, limits_count=Limits(day=5, week=1)))
    book(world, "2026-03-03T09:00")
    assert days(world, 101, "2026-03-02", "2026-03-09") == ["2026-03-09"]


def test_a_booking_at_midnight_counts_for_the_day_it_begins() -> None:
    world = small_world(individual(101, limits_count=Limits(day=1)), hours=(0, 1440))
    book(world, "2026-03-04T00:00")
    assert days(world, 101, "2026-03-03", "2026-03-05") == ["2026-03-03", "2026-03-05"]
