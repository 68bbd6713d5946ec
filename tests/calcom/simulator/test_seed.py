"""The data set."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from calcom.simulator import seed
from calcom.simulator.query import SlotsQuery
from calcom.simulator.world import World
from tests.calcom.simulator.worlds import NOW


def described_ids() -> set[int]:
    _, _, types = seed.DESCRIPTION.partition("Event types\n")
    listed = {int(number) for number in re.findall(r"^  (\d+) ", types, re.MULTILINE)}
    return listed | {int(number) for number in re.findall(r"are (\d+) .* and (\d+)", types)[0]}


def test_the_description_lists_every_event_type() -> None:
    assert described_ids() == set(World.seeded(1, NOW).state.event_types)


def test_the_same_seed_is_the_same_world_and_another_is_not() -> None:
    one, same, other = (World.seeded(number, NOW).state for number in (1, 1, 2))
    assert dict(one.bookings) == dict(same.bookings)
    assert dict(one.schedules) == dict(same.schedules)
    assert dict(one.bookings) != dict(other.bookings)
    assert set(one.event_types) == set(other.event_types)


@pytest.mark.parametrize("number", range(5))
def test_every_event_type_but_the_managed_parent_has_slots(number: int) -> None:
    world = World.seeded(number, NOW)
    for event_type_id in world.state.event_types:
        asked = SlotsQuery(NOW, NOW + timedelta(days=21), event_type_id)
        assert bool(world.slots(asked, NOW).days) == (event_type_id != 107), event_type_id


def test_keys_make_their_bearers_users() -> None:
    world = World.seeded(1, NOW)
    main, elena = world.user_of_key("cal_live_simulator"), world.user_of_key("cal_live_sim_elena")
    assert main is not None
    assert elena is not None
    assert (main.id, elena.username) == (1, "elena")


def test_the_types_between_them_switch_on_every_setting() -> None:
    types = World.seeded(1, NOW).state.event_types.values()
    plain = type(next(iter(types)))(0, "", "", 30)
    for name in (
        *(
            "length_options",
            "slot_interval",
            "offset_start",
            "minimum_notice",
            "before_buffer",
            "after_buffer",
        ),
        *("schedule_id", "limits_count", "limits_duration", "window", "first_slot_only", "optimized_slots"),
        *("confirmation", "recurrence", "seats", "hidden", "requires_authentication", "max_active_bookings"),
        *("max_lead", "hosts", "assign_all_members", "parent_id"),
    ):
        assert any(getattr(one, name) != getattr(plain, name) for one in types), name
    assert {one.scheduling for one in types} == {"individual", "collective", "roundRobin", "managed"}
