"""Teams and memberships."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from calcom.simulator.model import Host, Limits, Team
from calcom.simulator.refusals import Refused
from tests.calcom.simulator.worlds import NOW, collective, individual, small_world, team_type


def status_of(attempt: Callable[[], object]) -> int:
    with pytest.raises(Refused) as refusal:
        attempt()
    return refusal.value.status


def test_a_new_team_has_its_owner_as_member() -> None:
    world = small_world()
    team = world.create_team(Team(0, "new", "New"), 4, NOW)
    (membership,) = [one for one in world.state.memberships.values() if one.team_id == team.id]
    assert (membership.user_id, membership.role, membership.accepted) == (4, "OWNER", True)
    assert world.version == 1


def test_slugs_are_unique_and_ids_known() -> None:
    world = small_world()
    assert status_of(lambda: world.create_team(Team(0, "team-11", "X"), 1, NOW)) == 400
    assert status_of(lambda: world.create_team(Team(0, "x", "X"), 9, NOW)) == 404
    assert status_of(lambda: world.update_team(9, {}, NOW)) == 404
    assert status_of(lambda: world.update_membership(9, {}, NOW)) == 404
    assert world.set_team_limits(11, Limits(week=3), NOW).booking_limits == Limits(week=3)


def test_nobody_joins_twice() -> None:
    assert status_of(lambda: small_world().create_membership(11, 1, "MEMBER", True, NOW)) == 409


def test_a_deleted_team_takes_its_event_types_along() -> None:
    world = small_world(individual(101), collective(102, 1))
    world.create_event_type(team_type(0, "managed", (Host(1),), slug="managed"), NOW)
    world.delete_team(11, NOW)
    assert set(world.state.event_types) == {101}
    assert all(one.team_id != 11 for one in world.state.memberships.values())
