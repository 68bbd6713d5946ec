"""Selectors and hosts."""

from __future__ import annotations

from typing import Any

import pytest

from calcom.simulator.model import Host
from calcom.simulator.refusals import Refused
from calcom.simulator.selection import hosts_of, select
from tests.calcom.simulator.worlds import NOW, collective, individual, round_robin, small_world, team_type


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        ({"event_type_id": 999}, "Event Type not found"),
        ({"slug": "none", "username": "ann"}, "Event Type not found"),
        ({"slug": "none", "team_slug": "team-11"}, "Event Type not found"),
        ({"slug": "type-101", "username": "nobody"}, "User with username nobody not found"),
        (
            {"slug": "type-101", "username": "ann", "organization_slug": "acme"},
            "User with username ann not found",
        ),
        ({"slug": "type-101", "team_slug": "nobody"}, "Team with slug nobody not found"),
        ({"usernames": ("ann", "nobody")}, "User with username nobody not found"),
        ({}, "Event Type not found"),
    ],
)
def test_a_selector_that_names_nothing_is_404_in_the_contracts_words(
    selector: dict[str, Any], message: str
) -> None:
    with pytest.raises(Refused) as refusal:
        select(small_world().state, **selector)
    assert (refusal.value.status, refusal.value.message) == (404, message)
    assert refusal.value.code == "NotFoundException"


def test_the_id_decides_first() -> None:
    state = small_world(individual(101), individual(102)).state
    assert select(state, event_type_id=102, slug="type-101", username="ann").id == 102


def test_a_dynamic_group_names_each_user_once() -> None:
    state = small_world().state
    group = select(state, usernames=("bob", "ann", "BOB"))
    assert [host.user_id for host in group.hosts] == [2, 1]
    assert (group.id, group.length) == (0, 30)


def test_hosts_by_scheduling() -> None:
    mixed = round_robin(102, 2, fixed=(1,))
    everyone = round_robin(103, assign_all_members=True)
    managed = team_type(104, "managed", (Host(1),))
    state = small_world(individual(100, 4), collective(101, 1, 3), mixed, everyone, managed).state

    def hosts(number: int) -> list[tuple[int, bool]]:
        return [(role.user_id, role.fixed) for role in hosts_of(state, state.event_types[number])]

    assert hosts(100) == [(4, True)]
    assert hosts(101) == [(1, True), (3, True)]
    assert hosts(102) == [(1, True), (2, False)]
    assert hosts(103) == [(1, False), (2, False), (3, False)]
    assert hosts(104) == []


def test_a_host_who_has_not_accepted_the_team_does_not_host() -> None:
    world = small_world(collective(101, 1, 2))
    world.update_membership(112, {"accepted": False}, NOW)
    assert [role.user_id for role in hosts_of(world.state, world.state.event_types[101])] == [1]
