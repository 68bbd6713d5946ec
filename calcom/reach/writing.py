"""One write, as the proxy saw it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from calcom.account.places import place
from calcom.account.reading import records
from calcom.paths import normalise
from calcom.reach.bookings import BookingFacts

REFUSED: Final = frozenset({401, 403, 429})
"""Statuses that prove that nothing was written (contract 5.4)."""


@dataclass(frozen=True, slots=True)
class Write:
    """`path` is as sent, without its query. `status` None: the outcome is not known. The JSON values are None
    where there was none or it could not be read.

    `known_booking` is what earlier answers told of the booking or held slot that `uid_of` names, and None
    when the index has nothing. `sent_uid_cookie` tells whether the request carried the cookie by which the
    legacy calls know a held slot (contract 4.2); None is not known.
    """

    method: str
    path: str
    request_json: Any = None
    status: int | None = None
    response_json: Any = None
    api_version: str = ""
    known_booking: BookingFacts | None = None
    sent_uid_cookie: bool | None = None

    @property
    def parts(self) -> tuple[str, ...]:
        """Where it went."""
        return place(normalise(self.path))

    @property
    def succeeded(self) -> bool:
        """Whether Cal.com said so."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def data(self) -> Any:
        """`data` of a success; None otherwise, for an error tells nothing of what was written."""
        if self.succeeded and isinstance(self.response_json, dict):
            return self.response_json.get("data")
        return None

    @property
    def record(self) -> Mapping[str, Any]:
        """`data` when it is one object, else an empty one."""
        data = self.data
        return data if isinstance(data, dict) else {}

    @property
    def request(self) -> Mapping[str, Any]:
        """The request when it is one object, the first of a list of them, else an empty one."""
        return next(iter(records(self.request_json)), {})
