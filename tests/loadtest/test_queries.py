"""The generated queries reach every corner the equality test has to visit."""

from datetime import date
from urllib.parse import parse_qs, urlsplit

import pytest

from calcom.slots import PARAMETERS
from loadtest.catalogue import Catalogue, EventType
from loadtest.queries import ZONES, Query, slots_queries

CATALOGUE = Catalogue(
    event_types=(
        EventType(1, "intro", username="ann"),
        EventType(2, "demo", team_slug="sales", lengths=(15, 30, 60), host_ids=(4, 5)),
        EventType(3, "deep-dive", username="bob", lengths=(30, 90)),
    ),
    today=date(2026, 11, 23),
    usernames=("ann", "bob", "cleo"),
    api_keys=("cal_one", "cal_two"),
    booking_uids=("uid-1",),
)
QUERIES = list(slots_queries(2000, 1, CATALOGUE))
PARSED = [parse_qs(urlsplit(query.path_and_query).query, keep_blank_values=True) for query in QUERIES]


def test_equal_seeds_give_equal_queries_and_others_do_not() -> None:
    assert list(slots_queries(2000, 1, CATALOGUE)) == QUERIES
    assert list(slots_queries(2000, 2, CATALOGUE)) != QUERIES


def test_exactly_as_many_come_as_were_asked_for() -> None:
    assert len(QUERIES) == 2000


def test_every_known_parameter_is_used_and_unknown_ones_too() -> None:
    names = {name for query in PARSED for name in query}
    assert names >= PARAMETERS
    assert names - PARAMETERS >= {"foo", "timezone", "startTime"}


def test_every_zone_is_asked_for_and_so_are_zones_that_are_none() -> None:
    zones = {query["timeZone"][0] for query in PARSED if "timeZone" in query}
    assert zones >= {*ZONES, "Mars/Olympus", ""}
    assert any("timeZone" not in query for query in PARSED)


@pytest.mark.parametrize(
    "names",
    [
        {"eventTypeId"},
        {"eventTypeSlug", "username"},
        {"eventTypeSlug", "teamSlug"},
        {"usernames"},
        {"eventTypeSlug", "username", "organizationSlug"},
        {"eventTypeId", "eventTypeSlug", "username"},
        set(),
    ],
    ids=lambda names: " ".join(sorted(names)),
)
def test_every_selector_right_and_wrong_is_used(names: set[str]) -> None:
    selectors = {"eventTypeId", "eventTypeSlug", "username", "teamSlug", "usernames", "organizationSlug"}
    assert any(query.keys() & selectors == names for query in PARSED)


def test_bounds_come_as_dates_and_as_instants_with_offsets() -> None:
    starts = {query["start"][0] for query in PARSED if "start" in query}
    assert any(len(start) == len("2026-11-23") for start in starts)
    assert any(start.endswith("+05:30") for start in starts)
    assert any(start.endswith("+12:45") for start in starts)
    assert any(start.endswith("T00:00:00Z") for start in starts)


def test_versions_and_callers_vary() -> None:
    versions = {query.headers.get("cal-api-version") for query in QUERIES}
    assert versions >= {"2024-09-04", "2024-08-13", "2026-02-25", None}
    callers = {query.headers.get("Authorization") for query in QUERIES}
    assert callers >= {"Bearer cal_one", "Bearer cal_two", "Bearer cal_0000notakey", None}


def test_both_spellings_of_the_path_and_the_legacy_path_are_used() -> None:
    assert {urlsplit(query.path_and_query).path for query in QUERIES} == {
        "/v2/slots",
        "/api/v2/slots",
        "/v2/slots/available",
    }


def test_every_query_can_be_sent_as_it_is() -> None:
    for query in QUERIES:
        assert query.path_and_query.isascii()
        assert not set(query.path_and_query) & set(" \r\n#")
        assert query.note


def test_a_poor_catalogue_is_enough() -> None:
    poor = Catalogue((EventType(1, "only"),), date(2026, 11, 23))
    queries: list[Query] = list(slots_queries(500, 1, poor))
    assert len(queries) == 500
    assert any("Authorization" not in query.headers for query in queries)
