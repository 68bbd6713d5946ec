"""Envelopes, letter for letter (contract 2, 5.6)."""

import json
from datetime import UTC, datetime, timedelta, timezone

from calcom.simulator import envelope

NOW = datetime(2026, 5, 1, 10, 0, 0, 123456, tzinfo=UTC)


def test_an_instant_has_milliseconds_and_a_z() -> None:
    assert envelope.iso(NOW) == "2026-05-01T10:00:00.123Z"
    assert (
        envelope.iso(NOW.astimezone(timezone(timedelta(hours=5, minutes=45)))) == "2026-05-01T10:00:00.123Z"
    )


def test_a_success_wraps_its_data() -> None:
    assert envelope.success({"a": 1}) == b'{"status":"success","data":{"a":1}}'
    assert envelope.success([], {"pagination": {}}) == b'{"status":"success","data":[],"pagination":{}}'


def test_a_429_is_literal() -> None:
    text = "CustomThrottlerGuard - Too many requests. Please try again later."
    assert json.loads(envelope.throttled("/v2/slots?x=1", NOW)) == {
        "status": "error",
        "timestamp": "2026-05-01T10:00:00.123Z",
        "path": "/v2/slots?x=1",
        "error": {"code": "ThrottlerException", "message": text, "details": text},
    }


def test_an_exception_without_details_carries_its_own() -> None:
    assert json.loads(envelope.error(422, "m", path="/p", now=NOW))["error"] == {
        "code": "UnprocessableEntityException",
        "message": "m",
        "details": {"message": "m", "error": "Unprocessable Entity", "statusCode": 422},
    }


def test_a_code_of_its_own_wins() -> None:
    assert json.loads(envelope.error(404, "NOT_FOUND", path="/p", now=NOW, code="TRPCError"))["error"][
        "code"
    ] == ("TRPCError")


def test_an_unhandled_exception_has_no_status_field() -> None:
    assert json.loads(envelope.UNHANDLED) == {"statusCode": 500, "message": "Internal server error"}


def test_the_edge_speaks_html() -> None:
    assert b"502" in envelope.EDGE_PAGE
    assert b"524" in envelope.EDGE_TIMEOUT_PAGE
    assert b"502" not in envelope.EDGE_TIMEOUT_PAGE
