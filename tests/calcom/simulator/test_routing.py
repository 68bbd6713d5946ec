"""Rewrites, templates and versions find the handler (contract 1, 3)."""

import pytest

from calcom.simulator import faults, routes, versions
from calcom.simulator.routing import Router, rewrite

ROUTER = Router(routes.ENDPOINTS)


@pytest.mark.parametrize(
    ("sent", "routed"),
    [
        ("/v2/slots", "/v2/slots"),
        ("/api/v2/slots", "/v2/slots"),
        ("/v2/ee/bookings", "/v2/bookings"),
        ("/api/v2/ee/bookings", "/v2/bookings"),
        ("/v2/bookings/reccuring", "/v2/bookings/recurring"),
        ("/v2/slots/", "/v2/slots"),
        ("/", "/"),
        ("/v2/eel", "/v2/eel"),
        ("/api/v1/slots", "/api/v1/slots"),
    ],
)
def test_a_path_is_rewritten(sent: str, routed: str) -> None:
    assert rewrite(sent) == routed


@pytest.mark.parametrize(
    ("method", "path", "version", "template"),
    [
        ("GET", "/v2/slots", "2024-09-04", "/v2/slots"),
        ("GET", "/v2/bookings/abc", "2024-08-13", "/v2/bookings/{bookingUid}"),
        ("GET", "/v2/bookings/by-seat/abc", "2024-08-13", "/v2/bookings/by-seat/{seatUid}"),
        ("GET", "/v2/schedules/default", "2024-06-11", "/v2/schedules/default"),
        ("GET", "/v2/schedules/7", "2024-06-11", "/v2/schedules/{scheduleId}"),
        ("GET", "/v2/calendars/ics-feed/check", versions.DEFAULT, "/v2/calendars/ics-feed/check"),
        ("GET", "/v2/calendars/google/check", versions.DEFAULT, "/v2/calendars/{calendar}/check"),
        ("POST", "/v2/bookings/recurring", versions.DEFAULT, "/v2/bookings/recurring"),
        ("GET", "/v2/organizations/1/teams/me", versions.DEFAULT, "/v2/organizations/{orgId}/teams/me"),
    ],
)
def test_a_request_finds_its_template(method: str, path: str, version: str, template: str) -> None:
    match = ROUTER.match(method, path, version)
    assert match is not None
    assert match[0].template == template


@pytest.mark.parametrize(
    ("method", "path", "version"),
    [
        ("GET", "/v2/slots", versions.DEFAULT),
        ("PUT", "/v2/slots", "2024-09-04"),
        ("GET", "/v2/bookings//attendees", "2024-08-13"),
        ("GET", "/v2/bookings/a/b/c/d", "2024-08-13"),
        ("GET", "/v1/slots", "2024-09-04"),
    ],
)
def test_other_requests_find_nothing(method: str, path: str, version: str) -> None:
    assert ROUTER.match(method, path, version) is None


def test_no_operation_is_served_twice_for_one_version() -> None:
    served = [(e.method, e.template, v) for e in ROUTER.endpoints for v in e.versions]
    assert len(served) == len(set(served))


def test_every_endpoint_belongs_to_a_class_that_faults_can_name() -> None:
    assert {e.endpoint_class for e in ROUTER.endpoints} == set(faults.CLASSES)


def test_only_reads_leave_the_world_alone() -> None:
    """Writes are all that is no GET, and the one GET that writes (contract 6.1)."""
    odd = {e.template for e in ROUTER.endpoints if e.writes == (e.method == "GET")}
    assert odd == {"/v2/calendars/{calendar}/save"}
