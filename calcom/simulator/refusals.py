"""Refusals: what Cal.com says no with. Statuses, codes and texts: contract 4.1, 4.3, 5.4, 5.6."""

from __future__ import annotations

from collections.abc import Mapping

HTTP_CODES: Mapping[int, str] = {
    400: "BadRequestException",
    401: "UnauthorizedException",
    403: "ForbiddenException",
    404: "NotFoundException",
    409: "ConflictException",
    410: "GoneException",
    422: "UnprocessableEntityException",
    500: "InternalServerErrorException",
}

HOST_BUSY = "User either already has booking at this time or is not available"
TEAM_HOST_BUSY = "One of the hosts either already has booking at this time or is not available"
IN_THE_PAST = "Attempting to book a meeting in the past."
OUTSIDE_WINDOW = (
    "The event type can't be booked at the selected time because it is outside the event type's booking "
    "window. Please choose a time inside the booking window."
)
SEATS_FULL = "No more seats left at this seated booking."
RESERVED_BY_OTHER = (
    "This time slot is already reserved by another user. Please choose a different time."  # contract 4.3
)
ALREADY_BOOKED = "Can't reserve a slot if the event is already booked."  # contract 4.3
INVALID_RANGE = "Invalid time range given - check the 'start' and 'end' query parameters."  # contract 4.1
EVENT_TYPE_NOT_FOUND = "Event Type not found"  # contract 4.1


class Refused(Exception):
    """The simulated Cal.com refuses.

    `status` is the HTTP status, `code` the `error.code` of the envelope of contract 5.6, `message` its text
    and `details` its optional further data. `world` state is unchanged whenever this is raised.
    """

    def __init__(
        self, status: int, code: str, message: str, details: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.details = details


def refuse(status: int, message: str, details: Mapping[str, object] | None = None) -> Refused:
    """A refusal whose code is the HTTP exception named for `status` (contract 5.6, first row)."""
    return Refused(status, HTTP_CODES[status], message, details)
