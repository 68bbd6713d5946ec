import pytest
from hypothesis import given
from hypothesis import strategies as st

from calcom.paths import Breaker, Route, classify, normalise


@pytest.mark.parametrize(
    ("sent", "routed"),
    [
        ("/v2/slots", "/v2/slots"),
        ("/api/v2/slots", "/v2/slots"),
        ("/v2/ee/me", "/v2/me"),
        ("/api/v2/ee/me", "/v2/me"),
        ("/v2//slots/", "/v2/slots"),
        ("/v2/%73lots", "/v2/slots"),
        ("/v2/Slots", "/v2/slots"),
        ("/v2/bookings/reccuring", "/v2/bookings/recurring"),
    ],
)
def test_a_path_is_read_as_calcom_routes_it(sent: str, routed: str) -> None:
    assert normalise(sent) == routed


@given(st.text(alphabet="/v2apislote%5f.A", max_size=30))
def test_reading_a_path_twice_changes_nothing_more_unless_escapes_hide_escapes(path: str) -> None:
    once = normalise("/" + path)
    if "%" not in once:
        again = normalise(once)
        assert again.count("/") <= once.count("/")
        assert "//" not in again


@pytest.mark.parametrize(
    ("method", "path", "route", "breaker"),
    [
        ("GET", "/v2/slots", Route.SLOTS, Breaker.SLOTS),
        ("GET", "/api/v2/slots/available", Route.SLOTS_LEGACY, Breaker.SLOTS),
        ("GET", "/v2/bookings/x", Route.BOOKINGS_READ, Breaker.READS),
        ("POST", "/v2/bookings", Route.BOOKINGS_WRITE, Breaker.WRITES),
        ("GET", "/v2/event-types", Route.EVENT_TYPES, Breaker.READS),
        ("PATCH", "/v2/event-types/1", Route.OTHER_WRITE, Breaker.WRITES),
        ("GET", "/v2/schedules/default", Route.SCHEDULES, Breaker.READS),
        ("GET", "/v2/me", Route.OTHER_READ, Breaker.READS),
        ("GET", "/v2", Route.OTHER_READ, Breaker.READS),
        ("GET", "/v2/slots/reservations/x", Route.OTHER_READ, Breaker.READS),
    ],
)
def test_requests_fall_into_their_classes(method: str, path: str, route: Route, breaker: Breaker) -> None:
    kind = classify(method, path)
    assert (kind.route, kind.breaker) == (route, breaker)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v2/bookings"),
        ("POST", "/v2/bookings/x/cancel"),
        ("POST", "/v2/bookings/x/reschedule"),
        ("POST", "/v2/bookings/x/guests"),
        ("POST", "/v2/bookings/x/confirm"),
        ("POST", "/v2/bookings/recurring"),
        ("POST", "/v2/slots/reservations"),
        ("DELETE", "/v2/slots/reservations/x"),
        ("POST", "/v2/slots/reserve"),
        ("DELETE", "/v2/slots/selected-slot"),
        ("PATCH", "/v2/schedules/1"),
        ("POST", "/v2/me/ooo"),
        ("PATCH", "/v2/me"),
        ("DELETE", "/v2/teams/1/memberships/2"),
        ("PUT", "/v2/destination-calendars"),
        ("GET", "/v2/calendars/google/save"),
        ("GET", "/v2/organizations/1/calendars/google/connect"),
        ("POST", "/v2/something/nobody/knows"),
        ("PATCH", "/v2/Bookings/x"),
        ("PROPFIND", "/v2/bookings"),
        ("POST", "/v2/slots"),
    ],
)
def test_a_write_that_may_change_what_is_bookable_is_known_for_it(method: str, path: str) -> None:
    kind = classify(method, path)
    assert kind.is_write
    assert kind.touches_slots


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v2/webhooks"),
        ("DELETE", "/v2/event-types/1/webhooks/2"),
        ("POST", "/v2/event-types/1/private-links"),
        ("POST", "/v2/bookings/x/mark-absent"),
        ("PATCH", "/v2/bookings/x/location"),
        ("POST", "/v2/api-keys/refresh"),
        ("POST", "/v2/oauth/c/refresh"),
        ("POST", "/v2/organizations/1/routing-forms/2/responses"),
        ("POST", "/v2/teams/1/workflows"),
    ],
)
def test_a_write_that_leaves_every_slot_is_known_for_that(method: str, path: str) -> None:
    kind = classify(method, path)
    assert kind.is_write
    assert not kind.touches_slots


@pytest.mark.parametrize(
    "path",
    [
        "/v2/event-types/webhooks%2f1",
        "/v2/schedules/1%2Fwebhooks",
        "/v2/bookings/x%2flocation",
        "/v2/%77ebhooks",
    ],
)
def test_no_escape_makes_a_write_harmless(path: str) -> None:
    assert classify("PATCH", path).touches_slots


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/v2/slots", "/v2/slots/available", "/v2/Slots/", "/api/v2/%73lots"])
def test_whatever_makes_calcom_compute_slots_is_known_for_it(method: str, path: str) -> None:
    assert classify(method, path).reads_slots


def test_a_form_response_offers_times_and_is_a_write() -> None:
    kind = classify("POST", "/v2/routing-forms/7/calculate-slots")
    assert kind.reads_slots
    assert kind.is_write
    assert not kind.touches_slots


@pytest.mark.parametrize("path", ["/v2/slots", "/v2/bookings", "/v2/me"])
def test_a_preflight_neither_reads_slots_nor_writes(path: str) -> None:
    kind = classify("OPTIONS", path)
    assert not any((kind.reads_slots, kind.is_write, kind.touches_slots))
