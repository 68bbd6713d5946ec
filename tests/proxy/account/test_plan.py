"""What is asked for, and how seldom."""

from dataclasses import replace

from proxy.account import plan
from proxy.account.aged import Aged, laid_over
from tests.proxy.account.calcom import ACCOUNT, answer, everything

AGE = 600.0
NOW = 1000.0


def learned() -> Aged:
    return laid_over(Aged(), everything(NOW), NOW, AGE, asked_for=True)


def test_at_first_everything_is_due() -> None:
    assert plan.first_due(Aged(), NOW, AGE) == [plan.ME, plan.TEAMS, plan.EVENT_TYPES, plan.SCHEDULES]
    assert plan.team_due(Aged(), 3, NOW, AGE, people=True) == [plan.types_of(3), plan.members_of(3)]


def test_nothing_is_due_again_before_half_the_age() -> None:
    assert not plan.anything_due(learned(), NOW + 299, AGE)
    assert plan.anything_due(learned(), NOW + 300, AGE)


def test_what_is_told_of_people_in_parts_is_asked_for_together() -> None:
    aged = learned()
    asked = {one: began for one, began in aged.asked.items() if one != plan.members_of(3)}
    due = plan.first_due(Aged(aged.account, aged.told, asked), NOW, AGE)
    assert due == [plan.ME, plan.TEAMS]
    assert plan.team_due(aged, 3, NOW, AGE, people=True) == [plan.members_of(3)]


def test_a_changed_event_type_has_only_event_types_asked_for() -> None:
    aged = learned()
    asked = {one: began for one, began in aged.asked.items() if not one.endswith("/event-types")}
    aged = Aged(aged.account, aged.told, asked)
    assert plan.first_due(aged, NOW, AGE) == [plan.EVENT_TYPES]
    assert plan.team_due(aged, 3, NOW, AGE, people=False) == [plan.types_of(3)]
    assert plan.anything_due(aged, NOW, AGE)


def test_a_team_that_passes_by_is_asked_for() -> None:
    seen = laid_over(learned(), [answer("/v2/teams", NOW, [{"id": 4, "slug": "new"}])], NOW, AGE)
    assert plan.anything_due(seen, NOW, AGE)


def test_what_was_answered_with_an_error_counts_as_asked_for() -> None:
    refused = [replace(one, status=403, body={"status": "error"}) for one in everything(NOW)]
    aged = laid_over(Aged(), refused, NOW, AGE, asked_for=True)
    assert aged.knows_nothing
    assert not plan.anything_due(aged, NOW, AGE)


def test_only_what_is_told_of_people_is_told_in_parts() -> None:
    together = {path for path in ACCOUNT if not plan.stands_alone(path)}
    assert together == {plan.ME, plan.TEAMS, plan.members_of(3)}


def test_schedules_are_asked_for_in_their_own_version() -> None:
    versions = {path: plan.version_of(path) for path in ACCOUNT}
    assert versions.pop(plan.SCHEDULES) == plan.SCHEDULES_VERSION
    assert set(versions.values()) == {plan.TYPES_VERSION}
