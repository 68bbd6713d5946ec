import posixpath
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from calcom.paths import Breaker, Route, classify, climbs, is_plain, normalise
from calcom.reads import keep


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
        ("/v2\\slots", "/v2/slots"),
        ("/v2%5cslots%2F", "/v2/slots"),
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
        ("HEAD", "/v2/calendars/google/save"),
        ("POST", "/v2/bookings/webhooks/cancel"),
        ("POST", "/v2/bookings/workflows/reschedule"),
        ("DELETE", "/v2/slots/reservations/webhooks"),
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
        "/v2/webhooks/..\\bookings",
        "/v2/webhooks/..;",
        "/v2\\webhooks",
    ],
)
def test_no_spelling_makes_a_write_harmless(path: str) -> None:
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


@st.composite
def spelled(draw: st.DrawFn, paths: list[str]) -> str:
    """A path as somebody may write it to be taken for another: escaped, in capitals, with slashes too many."""
    letters = []
    for letter in draw(st.sampled_from(paths)).removeprefix("/v2"):
        how = draw(st.sampled_from(["as it is"] * 6 + ["escape", "capital", "double", "back"]))
        if how == "escape":
            letters.append(f"%{ord(letter):02{draw(st.sampled_from('xX'))}}")
        elif how == "capital":
            letters.append(letter.upper())
        elif how == "double" and letter == "/":
            letters.append("//")
        elif how == "back" and letter == "/":
            letters.append("\\")
        else:
            letters.append(letter)
    return draw(st.sampled_from(["/v2", "/api/v2", "/v2/ee", "/api/v2/ee"])) + "".join(letters)


CHANGING = ["/v2/bookings", "/v2/bookings/x/cancel", "/v2/slots/reservations/x", "/v2/schedules/1", "/v2/me"]
LINKS = ["/v2/calendars/google/save", "/v2/organizations/1/calendars/office365/connect"]


@given(spelled(CHANGING), st.sampled_from(["POST", "PATCH", "PUT", "DELETE", "QUERY"]))
def test_a_write_is_one_that_touches_slots_however_its_path_is_spelled(path: str, method: str) -> None:
    kind = classify(method, path)
    assert kind.is_write
    assert kind.touches_slots


@given(spelled(LINKS), st.sampled_from(["GET", "HEAD"]))
def test_a_link_that_writes_is_a_write_however_it_is_spelled(path: str, method: str) -> None:
    kind = classify(method, path)
    assert kind.is_write
    assert kind.touches_slots
    assert keep(path) is None


@given(st.text(max_size=40), st.sampled_from(["POST", "PATCH", "DELETE"]))
@example("webhooks/..", "POST")
def test_only_a_plain_path_is_trusted_to_be_harmless_or_kept(rest: str, method: str) -> None:
    path = "/v2/" + rest
    if not is_plain(path):
        assert classify(method, path).touches_slots
        assert keep(path) is None


PIECES = [
    "/",
    "//",
    "\\",
    "%2f",
    "%2F",
    "%5c",
    ".",
    "..",
    "%2e",
    "%2E.",
    ".%2e",
    "-",
    "v2",
    "slots",
    ";",
    "%00",
]


@given(st.lists(st.sampled_from(PIECES), max_size=10))
def test_a_path_that_does_not_climb_is_where_it_seems_to_be(pieces: list[str]) -> None:
    path = "/v2/" + "".join(pieces)
    resolved = posixpath.normpath(unquote(path).replace("\\", "/"))
    if not climbs(path):
        assert resolved.startswith("/v2")
        assert resolved.rstrip("/").lower() == "/" + "/".join(
            part for part in unquote(path).lower().replace("\\", "/").split("/") if part
        )


@given(spelled(["/v2/slots", "/v2/slots/available"]))
def test_no_spelling_hides_that_slots_are_computed(path: str) -> None:
    assert classify("GET", path).reads_slots
