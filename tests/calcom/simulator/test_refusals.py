"""Refusals."""

from __future__ import annotations

import pytest

from calcom.simulator.refusals import refuse


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "BadRequestException"),
        (401, "UnauthorizedException"),
        (403, "ForbiddenException"),
        (404, "NotFoundException"),
        (409, "ConflictException"),
        (422, "UnprocessableEntityException"),
    ],
)
def test_the_code_is_the_exception_of_the_status(status: int, code: str) -> None:
    refusal = refuse(status, "why", {"a": 1})
    assert (refusal.status, refusal.code, refusal.message, refusal.details) == (status, code, "why", {"a": 1})
    assert str(refusal) == f"{status} {code}: why"
