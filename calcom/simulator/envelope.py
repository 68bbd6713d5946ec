"""The envelopes of every answer: success, and the error shapes of contract 5.6."""

from datetime import UTC, datetime
from typing import Any, Final

import orjson

_CODES: Final = {
    400: ("BadRequestException", "Bad Request"),
    401: ("UnauthorizedException", "Unauthorized"),
    403: ("ForbiddenException", "Forbidden"),
    404: ("NotFoundException", "Not Found"),
    409: ("ConflictException", "Conflict"),
    410: ("GoneException", "Gone"),
    413: ("PayloadTooLargeException", "Payload Too Large"),
    422: ("UnprocessableEntityException", "Unprocessable Entity"),
    429: ("ThrottlerException", "Too Many Requests"),
    500: ("InternalServerErrorException", "Internal Server Error"),
}

THROTTLED: Final = "CustomThrottlerGuard - Too many requests. Please try again later."

#: An exception nobody caught upstream: no `status` field (contract 5.6).
UNHANDLED: Final = b'{"statusCode":500,"message":"Internal server error"}'

#: What the edge in front of Cal.com sends when the origin is gone: not JSON (contract 5.6).
EDGE_PAGE: Final = (
    b"<!DOCTYPE html>\n<html><head><title>api.cal.com | 502: Bad gateway</title></head>\n"
    b"<body><h1>Bad gateway</h1><p>Error code 502</p></body></html>\n"
)
EDGE_TIMEOUT_PAGE: Final = EDGE_PAGE.replace(b"502: Bad gateway", b"524: A timeout occurred").replace(
    b"<h1>Bad gateway</h1><p>Error code 502</p>", b"<h1>A timeout occurred</h1><p>Error code 524</p>"
)

_COMPACT: Final = orjson.OPT_NON_STR_KEYS


def iso(moment: datetime) -> str:
    """`2026-05-01T10:00:00.000Z`, the form Cal.com writes every instant in."""
    utc = moment.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"


def dump(value: object) -> bytes:
    """Compact JSON bytes."""
    return orjson.dumps(value, option=_COMPACT)


def success(data: object, extra: dict[str, Any] | None = None) -> bytes:
    """`{"status":"success","data":…}`; `extra` adds top-level members such as pagination."""
    return dump({"status": "success", "data": data, **(extra or {})})


def error(
    status: int,
    message: str,
    *,
    path: str,
    now: datetime,
    code: str | None = None,
    details: object | None = None,
) -> bytes:
    """The error envelope of a thrown HTTP exception. `path` is the request target as it was sent.

    Without details of its own an exception carries `{message, error, statusCode}`, as the framework fills in."""
    default_code, title = _CODES.get(status, ("HttpException", "Error"))
    if details is None:
        details = {"message": message, "error": title, "statusCode": status}
    return dump(
        {
            "status": "error",
            "timestamp": iso(now),
            "path": path,
            "error": {"code": code or default_code, "message": message, "details": details},
        }
    )


def throttled(path: str, now: datetime) -> bytes:
    """The body of a 429: code and message are literal (contract 2)."""
    return error(429, THROTTLED, path=path, now=now, details=THROTTLED)


def internal(path: str, now: datetime) -> bytes:
    """A 500 that did pass the error filters, so it has the usual envelope."""
    return error(500, "Internal server error", path=path, now=now, code="INTERNAL_SERVER_ERROR")
