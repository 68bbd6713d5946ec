"""A query depends on the event types it can mean; on anything when the map cannot tell."""

from __future__ import annotations

import pytest

from calcom.account import AccountMap, resolve
from tests.calcom.reach.desk import Desk


@pytest.fixture(scope="module")
def account() -> AccountMap:
    desk = Desk(1)
    desk.learn_everything()
    return desk.account


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"eventTypeId": "101"}, {101}),
        ({"eventTypeSlug": "consult", "username": "ada"}, {102}),
        ({"eventTypeSlug": "consult", "username": "ADA"}, {102}),
        ({"eventTypeSlug": "demo", "teamSlug": "sales"}, {105}),
        ({"eventTypeId": "101", "timeZone": "Asia/Tokyo", "duration": "30"}, {101}),
    ],
)
def test_selectors_name_their_event_type(
    account: AccountMap, query: dict[str, str], expected: set[int]
) -> None:
    assert resolve(account, query) == frozenset(expected)


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"eventTypeId": "999"},
        {"eventTypeId": "x"},
        {"eventTypeId": "101", "bookingUidToReschedule": "uid"},
        {"eventTypeId": "106", "rrHostSubsetIds": "4"},
        {"usernames": "ada,bela"},
        {"eventTypeSlug": "consult", "username": "ada", "organizationSlug": "acme"},
        {"eventTypeSlug": "consult"},
        {"eventTypeSlug": "consult", "username": "nobody"},
        {"eventTypeSlug": "nothing", "username": "ada"},
        {"eventTypeSlug": "demo", "teamSlug": "nowhere"},
        {"eventTypeSlug": "demo", "teamSlug": "sales", "username": "ada"},
        {"eventTypeId": "101", "timeZone": "Australia/Lord_Howe"},
    ],
)
def test_queries_that_may_depend_on_more_depend_on_anything(
    account: AccountMap, query: dict[str, str]
) -> None:
    assert resolve(account, query) is None


def test_a_slug_is_trusted_only_when_its_owners_list_is_complete() -> None:
    desk = Desk(1)
    desk.read("/v2/me")
    desk.read("/v2/event-types/102", 1, "2024-06-14")
    query = {"eventTypeSlug": "consult", "username": "ada"}
    assert resolve(desk.account, query) is None
    desk.read("/v2/event-types", 1, "2024-06-14")
    assert resolve(desk.account, query) == frozenset({102})
