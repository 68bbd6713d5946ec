"""Cal.com's error envelope (contract 5.6)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

CODES: Final = {
    400: "BadRequestException",
    401: "UnauthorizedException",
    403: "ForbiddenException",
    404: "NotFoundException",
    405: "MethodNotAllowedException",
    408: "RequestTimeoutException",
    409: "ConflictException",
    413: "PayloadTooLargeException",
    422: "UnprocessableEntityException",
    429: "ThrottlerException",
    431: "RequestHeaderFieldsTooLargeException",
    500: "InternalServerErrorException",
    502: "BadGatewayException",
    503: "ServiceUnavailableException",
    504: "GatewayTimeoutException",
}


_WORDS: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")


def error(
    status: int,
    message: str,
    *,
    path: str,
    now: float,
    code: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """An error body of Cal.com's shape.

    *now* is Unix seconds, *path* the request target as the client sent it. The code follows from
    *status* unless given. *details* default to what Nest puts there for a plain HTTP exception.
    """
    name = code or CODES.get(status, "HttpException")
    title = _WORDS.sub(" ", name.removesuffix("Exception"))
    stamp = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "status": "error",
        "timestamp": stamp,
        "path": path,
        "error": {
            "code": name,
            "message": message,
            "details": details or {"message": message, "error": title, "statusCode": status},
        },
    }
