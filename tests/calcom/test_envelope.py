import pytest

from calcom import envelope


def test_an_error_has_calcoms_shape() -> None:
    assert envelope.error(429, "Too many.", path="/v2/slots?a=b", now=1_777_626_000.0) == {
        "status": "error",
        "timestamp": "2026-05-01T09:00:00.000Z",
        "path": "/v2/slots?a=b",
        "error": {
            "code": "ThrottlerException",
            "message": "Too many.",
            "details": {"message": "Too many.", "error": "Throttler", "statusCode": 429},
        },
    }


@pytest.mark.parametrize(("status", "code"), sorted(envelope.CODES.items()))
def test_the_code_follows_from_the_status(status: int, code: str) -> None:
    assert envelope.error(status, "m", path="", now=0)["error"]["code"] == code


def test_an_unusual_status_still_has_a_code_and_a_given_one_wins() -> None:
    assert envelope.error(418, "m", path="", now=0)["error"]["code"] == "HttpException"
    assert envelope.error(400, "m", path="", now=0, code="TRPCError")["error"]["code"] == "TRPCError"
