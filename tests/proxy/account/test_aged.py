"""Facts grow old one by one."""

import pytest

from calcom.account import AccountMap, EventTypeFacts, Promises, forget
from proxy.account.aged import (
    REMEMBERED_SECONDS,
    Aged,
    changes_map,
    from_ids,
    is_same,
    laid_over,
    teaches,
    without,
)
from tests.proxy.account.calcom import ACCOUNT, answer, event_type, everything, member

AGE = 600.0


def learned(began: float = 1000.0) -> Aged:
    return laid_over(Aged(), everything(began), began, AGE, asked_for=True)


def test_what_was_told_is_known_until_it_is_too_old() -> None:
    aged = learned(1000.0)
    young = aged.young(1599.0, AGE).account
    assert young.same_facts(aged.account)
    assert young.hosts_of(9) == frozenset({1, 2})
    old = aged.young(1600.0, AGE)
    assert old.knows_nothing
    assert old.account.event_types == {one: EventTypeFacts(one) for one in (5, 6, 9)}
    assert not old.account.complete


def test_an_event_type_is_known_by_its_id_for_a_day() -> None:
    aged = learned(1000.0)
    assert 5 in aged.young(999.0 + REMEMBERED_SECONDS, AGE).account.event_types
    assert not aged.young(1000.0 + REMEMBERED_SECONDS, AGE).account.event_types


def test_a_fact_does_not_grow_younger_by_another_being_told() -> None:
    aged = laid_over(learned(1000.0), [answer("/v2/event-types", 1500.0)], 1500.0, AGE)
    account = aged.young(1601.0, AGE).account
    assert account.event_types[5].slug == "type-5"
    assert account.event_types[9] == EventTypeFacts(9)
    assert not account.teams
    assert not account.users


def test_a_record_that_leans_on_what_was_known_keeps_that_age() -> None:
    aged = learned(1000.0)
    # Memberships do not tell the default schedule, which is as old as ever.
    aged = laid_over(aged, [answer("/v2/teams/3/memberships", 1500.0)], 1500.0, AGE)
    assert aged.told["user:1"] == 1000.0
    assert aged.told["user:2"] == 1500.0
    assert aged.told["team:3"] == 1000.0
    assert aged.told["all:members:3"] == 1500.0


def test_answers_given_together_make_a_record_young_again() -> None:
    aged = laid_over(learned(1000.0), everything(1500.0), 1500.0, AGE)
    assert set(aged.told.values()) == {1500.0}


def test_a_record_of_several_answers_is_as_old_as_the_first() -> None:
    answers = [answer("/v2/me", 1000.0), answer("/v2/teams/3/memberships", 1200.0)]
    assert laid_over(Aged(), answers, 1200.0, AGE).told["user:1"] == 1000.0


def test_what_grew_too_old_is_not_leant_on() -> None:
    later = laid_over(learned(1000.0), [answer("/v2/teams/3/memberships", 1700.0)], 1700.0, AGE)
    user = later.young(1700.0, AGE).account.users[1]
    assert user.email == "u1@example.com"
    assert user.default_schedule_id is None


def test_completeness_ends_with_the_record_it_is_about() -> None:
    aged = laid_over(learned(1000.0), [answer("/v2/teams/3/memberships", 1500.0)], 1500.0, AGE)
    # The team's record is as old as its first part, its list of members younger.
    assert "members:3" not in aged.young(1601.0, AGE).account.complete


def test_a_list_without_an_event_type_makes_it_no_younger() -> None:
    aged = laid_over(learned(1000.0), [answer("/v2/event-types", 1500.0, [event_type(5)])], 1500.0, AGE)
    assert aged.told["type:5"] == 1500.0
    assert aged.told["type:6"] == 1000.0


def test_only_the_refresh_marks_a_path_as_asked_for() -> None:
    assert learned(1000.0).asked == dict.fromkeys(ACCOUNT, 1000.0)
    assert not laid_over(Aged(), everything(1000.0), 1000.0, AGE).asked


@pytest.mark.parametrize(
    ("path", "asked_again"),
    [
        ("/v2/event-types/5", {"/v2/event-types", "/v2/teams/3/event-types"}),
        ("/v2/schedules/7", {"/v2/schedules", "/v2/me"}),
        ("/v2/teams/3/memberships", set(ACCOUNT)),
        ("/v2/me", set(ACCOUNT)),
    ],
)
def test_what_a_write_may_change_is_unknown_and_asked_for_again(path: str, asked_again: set[str]) -> None:
    aged = learned()
    after = without(aged, "PATCH", path)
    assert not after.account.same_facts(aged.account)
    assert set(ACCOUNT) - set(after.asked) == asked_again
    assert after.account.event_types.keys() == aged.account.event_types.keys()


def test_a_forgotten_record_has_no_age_to_come_back_with() -> None:
    after = without(learned(1000.0), "PATCH", "/v2/me")
    assert not any(name.startswith("user:") for name in after.told)


def test_ids_alone_are_a_map_that_knows_nothing() -> None:
    aged = from_ids([5, 6], 1000.0, Promises(unlimited_teams=frozenset({3})))
    assert aged.knows_nothing
    assert aged.account.event_types.keys() == {5, 6}
    assert aged.account.promises.unlimited_teams == {3}


def test_the_same_told_again_soon_is_nothing_new() -> None:
    aged = learned(1000.0)
    assert is_same(aged, laid_over(aged, everything(1100.0), 1100.0, AGE, asked_for=True), 150.0)
    assert not is_same(aged, laid_over(aged, everything(1200.0), 1200.0, AGE, asked_for=True), 150.0)
    more = laid_over(aged, [answer("/v2/teams/3/memberships", 1001.0, [member(4)])], 1001.0, AGE)
    assert not is_same(aged, more, 150.0)


@pytest.mark.parametrize(
    "path",
    [
        "/v2/me",
        "/v2/event-types",
        "/v2/event-types/5",
        "/v2/teams/3/event-types/9",
        "/v2/teams/3/memberships",
        "/v2/organizations/1/teams/3/memberships",
        "/v2/organizations/1/users",
        "/v2/schedules/default",
    ],
)
def test_these_answers_teach(path: str) -> None:
    assert teaches("GET", path)
    assert not teaches("POST", path)


@pytest.mark.parametrize(
    "path", ["/v2/slots", "/v2/bookings", "/v2/me/ooo", "/v2/teams/3/bookings", "/v2/calendars", "/", "/v2"]
)
def test_these_answers_do_not(path: str) -> None:
    assert not teaches("GET", path)


@pytest.mark.parametrize(
    ("method", "path", "changes"),
    [
        ("PATCH", "/v2/event-types/5", True),
        ("DELETE", "/v2/organizations/1/teams/3/memberships/8", True),
        ("POST", "/v2/oauth-clients/abc/users", True),
        ("GET", "/v2/event-types/5", False),
        ("POST", "/v2/bookings", False),
        ("POST", "/v2/me/ooo", False),
        ("POST", "/v2/event-types/5/webhooks", False),
        ("POST", "/v2", False),
    ],
)
def test_writes_that_may_change_the_map_are_told_from_others(method: str, path: str, changes: bool) -> None:
    assert changes_map(method, path) is changes


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE"])
@pytest.mark.parametrize(
    "path",
    [
        *("/v2/event-types", "/v2/event-types/5", "/v2/teams/3/event-types", "/v2/teams/3/event-types/9"),
        *("/v2/teams", "/v2/teams/3", "/v2/teams/3/memberships", "/v2/teams/3/memberships/8"),
        *("/v2/me", "/v2/me/ooo", "/v2/me/ooo/4", "/v2/users/1/ooo"),
        *("/v2/schedules", "/v2/schedules/7", "/v2/organizations/1/users/2/schedules/7"),
        *("/v2/organizations/1/users", "/v2/organizations/1/users/2", "/v2/organizations/1/memberships/4"),
        *("/v2/organizations/1/teams/3", "/v2/organizations/1/delegation-credentials/4"),
        *("/v2/oauth-clients/a/users", "/v2/oauth-clients/a/users/2"),
        *(
            "/v2/bookings",
            "/v2/bookings/u/cancel",
            "/v2/slots/reservations",
            "/v2/calendars/google/disconnect",
        ),
        *(
            "/v2/selected-calendars",
            "/v2/destination-calendars",
            "/v2/webhooks",
            "/v2/event-types/5/webhooks",
        ),
    ],
)
def test_no_write_makes_facts_unknown_that_is_not_taken_for_a_change(method: str, path: str) -> None:
    account = learned().account
    assert forget(account, method, path) is account or changes_map(method, path)


def test_nothing_is_what_an_empty_map_knows() -> None:
    assert Aged().knows_nothing
    assert Aged().young(1.0, AGE).account.same_facts(AccountMap.empty())
