"""What we refuse in Cal.com's name, Cal.com refuses: shown against the simulator, over HTTP."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calcom import booking_requests, envelope
from calcom.booking_requests import Certain, certainly_refused
from calcom.simulator import refusals
from tests.calcom.simulator.served import BEGIN, BOOKINGS, SLOTS, Served, served

JSON = {"content-type": "application/json"}
ATTENDEE = {"name": "Lee", "email": "lee@example.org", "timeZone": "Europe/Paris"}
WISH = {"start": "2026-01-07T09:00:00Z", "eventTypeId": 101, "attendee": ATTENDEE}
HOLD = {"eventTypeId": 101, "slotStart": "2026-01-08T09:00:00Z"}
CREATE, RESERVE = "/v2/bookings", "/v2/slots/reservations"
MOVE, CANCEL = "/v2/bookings/abc/reschedule", "/v2/bookings/abc/cancel"
VERSIONS = {CREATE: BOOKINGS, MOVE: BOOKINGS, CANCEL: BOOKINGS, RESERVE: SLOTS}
GOOD: dict[str, dict[str, Any]] = {
    CREATE: WISH,
    MOVE: {"start": "2026-01-07T09:00:00Z", "seatUid": "s"},
    CANCEL: {"cancellationReason": "none"},
    RESERVE: HOLD,
}


@pytest.fixture(scope="module")
def simulator() -> Iterator[Served]:
    with served(rate_limit=10_000_000) as running:
        yield running


def ours(body: bytes, path: str = CREATE, **headers: str) -> Certain | None:
    now = BEGIN.timestamp()
    return certainly_refused("POST", path, {**JSON, **VERSIONS[path], **headers}, body, now)


def theirs(simulator: Served, body: bytes, path: str = CREATE) -> tuple[int, Any]:
    headers = {**JSON, **VERSIONS[path], **simulator.key()}
    answer = simulator.api.post(path, content=body, headers=headers)
    return answer.status_code, answer.json()


def without(name: str, wish: dict[str, Any] = WISH) -> dict[str, Any]:
    return {key: value for key, value in wish.items() if key != name}


def attendee(**changes: Any) -> dict[str, Any]:
    return {**WISH, "attendee": ATTENDEE | changes}


REFUSED: list[tuple[str, Any]] = [
    (CREATE, {}),
    (CREATE, []),
    (CREATE, without("start")),
    (CREATE, without("attendee")),
    (CREATE, without("eventTypeId")),
    (CREATE, {**without("eventTypeId"), "eventTypeSlug": "intro"}),
    (CREATE, {**without("eventTypeId"), "username": "ada"}),
    (CREATE, {**WISH, "start": None}),
    (CREATE, {**WISH, "start": "tomorrow"}),
    (CREATE, {**WISH, "start": "2026-13-01T09:00:00Z"}),
    (CREATE, {**WISH, "start": 1_767_777_777}),
    (CREATE, {**WISH, "start": "2025-12-24T09:00:00Z"}),
    (CREATE, {**WISH, "start": "2025-12-24T09:00:00"}),
    (CREATE, {**WISH, "start": "2026-01-05T09:50:00+02:00"}),
    (CREATE, {**WISH, "eventTypeId": "intro"}),
    (CREATE, {**WISH, "eventTypeId": 1.5}),
    (CREATE, {**WISH, "attendee": "Lee"}),
    (CREATE, {**WISH, "attendee": {"email": "lee@example.org"}}),
    (CREATE, attendee(name=None)),
    (CREATE, attendee(timeZone="Central European Time")),
    (CREATE, attendee(timeZone="")),
    (CREATE, attendee(email="lee")),
    (CREATE, attendee(email=7, phoneNumber=[])),
    (CREATE, {**WISH, "guests": "lee@example.org"}),
    (CREATE, {**WISH, "metadata": {str(one): "" for one in range(51)}}),
    (CREATE, {**WISH, "metadata": "none", "bookingFieldsResponses": []}),
    (CREATE, {**WISH, "lengthInMinutes": "half an hour"}),
    (MOVE, {}),
    (MOVE, {"start": "later"}),
    (CANCEL, {"cancellationReason": {}}),
    (RESERVE, {}),
    (RESERVE, without("slotStart", HOLD)),
    (RESERVE, {**HOLD, "slotStart": "soon", "slotDuration": []}),
]


@pytest.mark.parametrize(("path", "body"), REFUSED)
def test_what_is_refused_is_told_as_cal_com_tells_it(simulator: Served, path: str, body: Any) -> None:
    certain = ours(orjson.dumps(body), path)
    assert certain is not None
    status, answer = theirs(simulator, orjson.dumps(body), path)
    told = envelope.error(400, certain.message, path=path, now=0, details=certain.details)
    assert (status, answer | {"timestamp": told["timestamp"]}) == (400, told)


PASSED: list[tuple[str, Any]] = [
    *GOOD.items(),
    (CREATE, {**WISH, "start": "2026-01-07 09:00"}),
    (CREATE, {**WISH, "start": "2026-W02-3T09:00Z"}),
    (CREATE, {**WISH, "start": "2026-01-05T07:58:00Z"}),
    (CREATE, {**WISH, "start": "2026-01-05T01:00:00"}),
    (CREATE, {**WISH, "start": "2026-01-05"}),
    (CREATE, {**WISH, "eventTypeId": "101"}),
    (CREATE, {**WISH, "eventTypeSlug": "intro", "username": "ada"}),
    (CREATE, {**WISH, "somethingNew": 1}),
    (CREATE, {**WISH, "guests": None, "lengthInMinutes": None}),
    (CREATE, attendee(timeZone="Etc/Whatever", language="xx")),
    (CREATE, attendee(email=None)),
    (CREATE, {**WISH, "attendee": []}),
    (CANCEL, {}),
    (RESERVE, {**HOLD, "slotStart": "2020-01-01T09:00:00Z"}),
]


@pytest.mark.parametrize(("path", "body"), PASSED)
def test_what_might_be_accepted_passes(path: str, body: Any) -> None:
    assert ours(orjson.dumps(body), path) is None


@pytest.mark.parametrize(
    "body", [b"{", b"nonsense", b'{"start":}', b"7", b"null", b'"text"', b'{"a":"\x01"}']
)
def test_what_is_no_json_object_is_refused(simulator: Served, body: bytes) -> None:
    assert ours(body) is not None
    assert theirs(simulator, body)[0] == 400


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":"\\ud800"}',
        b'{"a":"\xff"}',
        b"\xef\xbb\xbf{}",
        b'{"a":' + b"[" * 5000,
        b'{"a":' + b"1" * 5000 + b"}",
    ],
    ids=["half a pair", "wrong UTF-8", "byte order mark", "deep", "long"],
)
def test_json_that_only_our_reader_dislikes_passes(body: bytes) -> None:
    assert ours(body) is None


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "application/json; charset=utf-16"},
        {"content-encoding": "gzip"},
        {"cal-api-version": "2026-02-25"},
        {"cal-api-version": "2024-06-14"},
        {"cal-api-version": ""},
    ],
)
def test_what_cal_com_may_read_otherwise_passes(headers: dict[str, str]) -> None:
    assert ours(b"{}", **headers) is None


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PATCH", CREATE),
        ("POST", "/v2/bookings/abc/guests"),
        ("POST", "/v2/bookings/a%2Fcancel"),
        ("POST", "/v2/me"),
    ],
)
def test_other_requests_pass(method: str, path: str) -> None:
    assert certainly_refused(method, path, {**JSON, **BOOKINGS}, b"{", BEGIN.timestamp()) is None


def test_every_spelling_of_a_path_is_looked_at() -> None:
    for path in ("/api/v2/bookings", "/v2//Bookings/", "/v2/ee/bookings"):
        assert certainly_refused("POST", path, {**JSON, **BOOKINGS}, b"{}", BEGIN.timestamp()) is not None


JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=12),
    st.sampled_from(
        ["2026-01-07", "101", "lee@example.org", "Europe/Paris", "-1", "2020-02-30T09:00:00Z", "1e3", ""]
    ),
    st.lists(st.one_of(st.none(), st.text(max_size=3), st.integers(0, 9)), max_size=3),
    st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
    st.datetimes().map(lambda at: at.isoformat() + "Z"),
)
NAMES = sorted(
    {
        one.name
        for one in (*booking_requests._CREATE, *booking_requests._RESCHEDULE, *booking_requests._RESERVE)
    }
)


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, bytes]:
    """A good request in which some properties are missing or something else; now and then no JSON at all."""
    path = draw(st.sampled_from(sorted(GOOD)))
    body = {key: value for key, value in GOOD[path].items() if draw(st.integers(0, 9)) > 1}
    for name in draw(st.lists(st.sampled_from(NAMES), max_size=2)):
        body[name] = draw(JUNK)
    if isinstance(body.get("attendee"), dict) and draw(st.booleans()):
        changes = draw(
            st.dictionaries(st.sampled_from([*ATTENDEE, "phoneNumber", "language"]), JUNK, max_size=2)
        )
        body["attendee"] = {**body["attendee"], **changes}
    text = orjson.dumps(body, option=orjson.OPT_NON_STR_KEYS)
    cut = draw(st.integers(0, 40))
    return path, text[:-cut] if cut and cut < 4 else text


BUSY = (refusals.HOST_BUSY, refusals.OUTSIDE_WINDOW)


def unsound(simulator: Served, path: str, body: bytes) -> bool:
    """Whether we refuse what Cal.com takes, or refuses only because of what is in its calendars."""
    certain = ours(body, path)
    if certain is None:
        return False
    status, answer = theirs(simulator, body, path)
    if certain.message == booking_requests.IN_THE_PAST:
        # Who may book what is looked at before the time.
        return status < 400 or answer["error"]["message"] in BUSY
    return status != 400 or answer["error"]["message"] in BUSY


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(requests())
def test_nothing_is_refused_that_the_simulator_takes(simulator: Served, request: tuple[str, bytes]) -> None:
    path, body = request
    assert not unsound(simulator, path, body)


@pytest.mark.parametrize(
    ("check", "body"),
    [
        ("_ZONE", attendee(timeZone="Europe/Berlin")),
        ("_LIKE_ISO", {**WISH, "start": "2026-01-07T10:00:00Z"}),
        ("_INSTANT", {**WISH, "start": "2026-01-07T11:00:00Z"}),
    ],
)
def test_a_check_that_refuses_too_much_is_noticed(
    simulator: Served, monkeypatch: pytest.MonkeyPatch, check: str, body: Any
) -> None:
    never = re.compile(r"(?!)" if check != "_INSTANT" else r".*")
    monkeypatch.setattr(booking_requests, check, never)
    monkeypatch.setattr(booking_requests, "_SKEW", -booking_requests._ANY_ZONE * 100)
    assert unsound(simulator, CREATE, orjson.dumps(body))
