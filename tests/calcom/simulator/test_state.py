"""States and their indexes."""

from __future__ import annotations

import pytest

from calcom.simulator.commands import Cancel
from calcom.simulator.state import State
from tests.calcom.simulator.worlds import NOW, book, collective, individual, instant, small_world


def rebuilt(state: State) -> dict[object, list[int]]:
    fresh = State()
    for booking in sorted(state.bookings.values(), key=lambda one: one.id):
        fresh = fresh.with_booking(booking)
    return contents(fresh)


def contents(state: State) -> dict[object, list[int]]:
    return {key: [held.booking.id for held in bucket] for key, bucket in state.agenda.items()}


def test_the_agenda_is_what_the_bookings_say_whatever_happened_to_them() -> None:
    world = small_world(individual(101), collective(102, 1, 2))
    kept = book(world, "2026-03-03T10:00", 102, guests=("Bob@example.com",))
    gone = book(world, "2026-03-04T10:00")
    world.cancel(gone.uid, Cancel(), NOW)
    world.add_guests(kept.uid, ["x@example.org"], NOW)
    assert contents(world.state) == rebuilt(world.state)
    week = int(kept.start.timestamp()) // 604_800
    assert contents(world.state)["email", "bob@example.com", week] == [kept.id]
    assert not any(gone.id in ids for ids in contents(world.state).values())


@pytest.mark.parametrize(("start", "weeks"), [("23:00", 1), ("23:30", 2)])
def test_a_booking_is_in_every_week_it_touches_and_not_in_the_one_it_ends_with(
    start: str, weeks: int
) -> None:
    world = small_world(individual(101, length=60), hours=(0, 1440))
    book(world, f"2026-03-04T{start}")  # epoch weeks begin on Thursday, here 5 March
    first = int(instant("2026-03-04T00:00").timestamp()) // 604_800
    held = sorted(key[2] for key in world.state.agenda if key[0] == "type")
    assert held == list(range(first, first + weeks))


def test_uids_depend_on_seed_kind_and_number_only() -> None:
    assert State(seed=1).uid("booking", 5) == State(seed=1, last_id=9).uid("booking", 5)
    made = {State(seed=seed).uid(kind, 5) for seed in (1, 2) for kind in ("booking", "seat")}
    assert len(made) == 4
