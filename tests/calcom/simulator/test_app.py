"""Guards, envelopes, headers and versions, as every request meets them (contract 1, 2, 3, 5.6)."""

import re
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from calcom.simulator.seed import MAIN_KEY
from tests.calcom.simulator.served import BOOKINGS, EVENT_TYPES, SCHEDULES, SLOTS, Served, served

WEEK = "eventTypeId=101&start=2026-01-06&end=2026-01-07"


@pytest.fixture(scope="module")
def simulator() -> Iterator[Served]:
    with served() as running:
        yield running


@pytest.fixture(autouse=True)
def _afresh(simulator: Served) -> None:
    simulator.admin("/reset")


def error_of(response: httpx2.Response) -> Any:
    body = response.json()
    assert body["status"] == "error"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", body["timestamp"])
    return body["error"]


# Every answer


@pytest.mark.parametrize(("path", "headers"), [("/v2/slots", SLOTS), ("/v2/nothing", {}), ("/v2/me", {})])
def test_every_answer_carries_a_request_id_and_cors(
    simulator: Served, path: str, headers: dict[str, str]
) -> None:
    response = simulator.api.get(path, headers=headers)
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", response.headers["x-request-id"])
    assert response.headers["access-control-allow-origin"] == "*"
    assert "access-control-expose-headers" not in response.headers


def test_request_ids_differ(simulator: Served) -> None:
    assert len({simulator.api.get("/v2/x").headers["x-request-id"] for _ in range(20)}) == 20


def test_a_preflight_is_answered_without_a_guard(simulator: Served) -> None:
    response = simulator.api.options("/v2/bookings", headers={"Origin": "https://shop.example"})
    assert response.status_code == 204
    assert "cal-api-version" in response.headers["access-control-allow-headers"]
    assert response.headers["access-control-max-age"] == "86400"
    assert "x-ratelimit-limit-default" not in response.headers


def test_slots_answers_say_they_must_be_revalidated(simulator: Served) -> None:
    first, second = (simulator.api.get(f"/v2/slots?{WEEK}", headers=SLOTS) for _ in range(2))
    assert first.headers["cache-control"] == "public, max-age=0, must-revalidate"
    assert re.fullmatch(r'W/"[0-9a-f]+-[\w+/]{27}"', first.headers["etag"])
    assert first.headers["etag"] == second.headers["etag"]


def test_a_head_request_has_the_headers_and_no_body(simulator: Served) -> None:
    head = simulator.api.head(f"/v2/slots?{WEEK}", headers=SLOTS)
    get = simulator.api.get(f"/v2/slots?{WEEK}", headers=SLOTS)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(get.content))


# Paths and versions


def test_an_unknown_path_is_a_404_that_nobody_counts(simulator: Served) -> None:
    response = simulator.api.get("/v2/nothing?x=1", headers=simulator.key())
    assert response.status_code == 404
    assert response.json()["path"] == "/v2/nothing?x=1"
    assert error_of(response) == {
        "code": "NotFoundException",
        "message": "Cannot GET /v2/nothing?x=1",
        "details": {"message": "Cannot GET /v2/nothing?x=1", "error": "Not Found", "statusCode": 404},
    }
    assert "x-ratelimit-limit-default" not in response.headers
    assert simulator.stats()["limiter"] == {}


@pytest.mark.parametrize(
    ("path", "version"),
    [
        (f"/v2/slots?{WEEK}", None),
        (f"/v2/slots?{WEEK}", "2024-08-13"),
        (f"/v2/slots?{WEEK}", '"2024-09-04"'),
        (f"/v2/slots?{WEEK}", "2030-01-01"),
        ("/v2/slots/available?startTime=2026-01-06&endTime=2026-01-07&eventTypeId=101", "2024-09-04"),
        ("/v2/bookings", "2024-09-04"),
        ("/v2/bookings/x/attendees", "2026-02-25"),
        ("/v2/event-types", "2024-08-13"),
        ("/v2/schedules", "2024-08-13"),
        ("/v2/schedules", "2024-09-04"),
    ],
)
def test_a_wrong_version_finds_no_handler(simulator: Served, path: str, version: str | None) -> None:
    headers = simulator.key() | ({} if version is None else {"cal-api-version": version})
    response = simulator.api.get(path, headers=headers)
    assert response.status_code == 404
    assert error_of(response)["message"].startswith("Cannot GET ")
    assert simulator.stats()["limiter"] == {}


@pytest.mark.parametrize(
    ("path", "version"),
    [
        (f"/v2/slots?{WEEK}", "2024-09-04"),
        ("/v2/slots/available?startTime=2026-01-06&endTime=2026-01-07&eventTypeId=101", None),
        ("/v2/slots/available?startTime=2026-01-06&endTime=2026-01-07&eventTypeId=101", "2024-08-13"),
        ("/v2/bookings", "2024-08-13"),
        ("/v2/bookings", "2026-02-25"),
        ("/v2/bookings", None),
        ("/v2/event-types", "2024-06-14"),
        ("/v2/event-types", None),
        ("/v2/schedules", "2024-06-11"),
        ("/v2/schedules", "2024-06-14"),
        ("/v2/schedules", None),
        ("/v2/me", None),
        ("/v2/me", "2024-09-04"),
        ("/v2/teams", "nonsense"),
    ],
)
def test_the_right_version_finds_one(simulator: Served, path: str, version: str | None) -> None:
    headers = simulator.key() | ({} if version is None else {"cal-api-version": version})
    response = simulator.api.get(path, headers=headers)
    assert response.status_code == 200, response.text


@pytest.mark.parametrize("path", [f"/api/v2/slots?{WEEK}", f"/v2/ee/slots?{WEEK}", f"/v2/slots/?{WEEK}"])
def test_paths_are_rewritten_before_matching(simulator: Served, path: str) -> None:
    assert simulator.api.get(path, headers=SLOTS).status_code == 200


def test_an_error_names_the_path_that_was_sent(simulator: Served) -> None:
    assert simulator.api.get("/api/v2/slots", headers=SLOTS).json()["path"] == "/api/v2/slots"


# Credentials


def test_an_invalid_key_is_turned_away_by_the_throttler_on_public_endpoints_too(simulator: Served) -> None:
    headers = {**SLOTS, "Authorization": "Bearer cal_live_nobody"}
    response = simulator.api.get(f"/v2/slots?{WEEK}", headers=headers)
    assert response.status_code == 401
    assert error_of(response)["message"] == "CustomThrottlerGuard - Invalid API Key"
    assert simulator.stats()["limiter"] == {}


def test_an_invalid_token_does_not_matter_to_a_public_endpoint(simulator: Served) -> None:
    headers = {**SLOTS, "Authorization": "Bearer some-token"}
    assert simulator.api.get(f"/v2/slots?{WEEK}", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "version"),
    [
        ("GET", "/v2/me", {}),
        ("GET", "/v2/bookings", BOOKINGS),
        ("GET", "/v2/schedules", SCHEDULES),
        ("POST", "/v2/event-types", EVENT_TYPES),
        ("POST", "/v2/bookings/x/confirm", BOOKINGS),
    ],
)
@pytest.mark.parametrize(
    "credential", [{}, {"Authorization": "Bearer some-token"}, {"Authorization": MAIN_KEY}]
)
def test_a_guarded_endpoint_says_401_and_counts_the_call(
    simulator: Served, method: str, path: str, version: dict[str, str], credential: dict[str, str]
) -> None:
    response = simulator.api.request(method, path, headers=version | credential)
    assert response.status_code == 401
    assert error_of(response)["code"] == "UnauthorizedException"
    assert error_of(response)["message"].startswith("ApiAuthStrategy - ")
    assert response.headers["x-ratelimit-remaining-default"].isdigit()


def test_event_types_without_a_credential_are_public_ones(simulator: Served) -> None:
    path = "/v2/event-types?username=bela"
    anonymous = simulator.api.get(path, headers=EVENT_TYPES).json()["data"]
    own = simulator.api.get(path, headers=EVENT_TYPES | simulator.key("bela")).json()["data"]
    assert {e["slug"] for e in own} - {e["slug"] for e in anonymous} == {"private"}


def test_client_credentials_act_as_their_owner(simulator: Served) -> None:
    headers = {"x-cal-client-id": "client-demo", "x-cal-secret-key": "client-secret-demo"}
    assert simulator.api.get("/v2/me", headers=headers).json()["data"]["username"] == "ada"
    wrong = simulator.api.get("/v2/me", headers=headers | {"x-cal-secret-key": "x"})
    assert (wrong.status_code, error_of(wrong)["code"]) == (401, "UnauthorizedException")
    assert wrong.headers["x-ratelimit-limit-default"] == "500"


# The limiter, as callers see it


def test_the_120th_call_passes_and_the_121st_blocks(simulator: Served) -> None:
    key = SLOTS | simulator.key()
    answers = [simulator.api.get("/v2/slots", headers=key) for _ in range(122)]
    assert [a.status_code for a in answers] == [400] * 120 + [429] * 2
    assert answers[119].headers["x-ratelimit-remaining-default"] == "0"
    refused = answers[120]
    assert error_of(refused) == {
        "code": "ThrottlerException",
        "message": "CustomThrottlerGuard - Too many requests. Please try again later.",
        "details": "CustomThrottlerGuard - Too many requests. Please try again later.",
    }
    assert refused.headers["x-ratelimit-reset-default"] == "60"
    assert "retry-after" not in refused.headers


def test_reads_and_writes_of_a_key_share_one_bucket(simulator: Served) -> None:
    key = simulator.key()
    left = [
        simulator.api.get("/v2/me", headers=key).headers["x-ratelimit-remaining-default"],
        simulator.api.post("/v2/bookings", headers=key | BOOKINGS, json={}).headers[
            "x-ratelimit-remaining-default"
        ],
    ]
    assert left == ["119", "118"]


def test_the_bucket_follows_the_credential(simulator: Served) -> None:
    url = "/v2/slots"
    for headers in (
        simulator.key(),
        {"Authorization": "Bearer token"},
        {"x-cal-client-id": "c"},
        {},
        {"cf-connecting-ip": "192.0.2.7"},
        simulator.key() | {"x-cal-client-id": "c"},
    ):
        simulator.api.get(url, headers=SLOTS | headers)
    buckets = simulator.stats()["limiter"]
    assert sorted(name.partition(":")[0] for name in buckets) == ["client", "ip", "ip", "key", "key", "token"]
    assert "ip:192.0.2.7" in buckets
    assert MAIN_KEY not in str(buckets)


@pytest.mark.parametrize(
    ("headers", "limit"),
    [({}, "120"), ({"Authorization": "Bearer token"}, "500"), ({"x-cal-client-id": "c"}, "500")],
)
def test_the_limit_follows_the_kind_of_credential(
    simulator: Served, headers: dict[str, str], limit: str
) -> None:
    response = simulator.api.get("/v2/slots", headers=SLOTS | headers)
    assert response.headers["x-ratelimit-limit-default"] == limit


def test_a_side_limit_leaves_the_default_bucket_alone(simulator: Served) -> None:
    key = simulator.key()
    answers = [
        simulator.api.post("/v2/bookings/x/guests", headers=key | BOOKINGS, json={"guests": []})
        for _ in range(6)
    ]
    assert [a.status_code for a in answers] == [400] * 5 + [429]
    assert answers[0].headers["x-ratelimit-remaining-booking_guests_add".lower()] == "4"
    assert "x-ratelimit-limit-default" not in answers[0].headers
    assert simulator.api.get("/v2/me", headers=key).headers["x-ratelimit-remaining-default"] == "119"


def test_named_limits_of_a_key_are_told_each(simulator: Served) -> None:
    key = simulator.key()
    name = key["Authorization"].removeprefix("Bearer ")
    limits = [
        {"name": "short", "limit": 1, "window": 60, "block": 60},
        {"name": "long", "limit": 2, "window": 60, "block": 60},
    ]
    simulator.admin("/limits", {"key": name, "limits": limits})
    answers = [simulator.api.get("/v2/me", headers=key) for _ in range(3)]
    assert [a.status_code for a in answers] == [200, 200, 429]
    assert answers[1].headers["x-ratelimit-remaining-short"] == "0"
    assert answers[1].headers["x-ratelimit-remaining-long"] == "0"


# Bodies


@pytest.mark.parametrize("body", [b"{", b"[]", b"nonsense", b"\xff"])
def test_a_body_that_is_no_json_object_is_a_400(simulator: Served, body: bytes) -> None:
    response = simulator.api.post("/v2/bookings", headers=BOOKINGS | simulator.key(), content=body)
    assert (response.status_code, error_of(response)["code"]) == (400, "BadRequestException")


def test_a_body_that_is_too_large_is_refused(simulator: Served) -> None:
    big = b"x" * (11 * 1024 * 1024)
    response = simulator.api.post("/v2/bookings", headers=BOOKINGS | simulator.key(), content=big)
    assert (response.status_code, error_of(response)["code"]) == (413, "PayloadTooLargeException")


def test_problems_with_a_body_are_listed(simulator: Served) -> None:
    response = simulator.api.post("/v2/schedules", headers=SCHEDULES | simulator.key(), json={"name": 1})
    error = error_of(response)
    assert (response.status_code, error["message"]) == (400, "Bad Request Exception")
    assert {e["property"] for e in error["details"]["errors"]} == {"name", "timeZone", "isDefault"}
