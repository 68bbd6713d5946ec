"""What the gateway says no with: typed inside, one mapping to Cal.com's envelope at the edge."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import orjson


class Refused(Exception):
    """The gateway could not answer."""

    status: ClassVar[int] = 503
    code: ClassVar[str | None] = None
    reason: ClassVar[str] = "refused"

    def __init__(
        self,
        message: str | None = None,
        *,
        retry_after: float | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message or self.__doc__)
        self.retry_after = retry_after
        self.details = details

    @property
    def message(self) -> str:
        return str(self.args[0])

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Headers that say when to come back, rounded up so that coming back then succeeds."""
        if self.retry_after is None:
            return []
        return [(b"retry-after", str(max(1, math.ceil(self.retry_after))).encode())]


class NotSent(Refused):
    """Nothing of the request has reached Cal.com."""


class BudgetSpent(NotSent):
    """The calls Cal.com allows this credential are spent."""

    status = 429
    code = "ThrottlerException"
    reason = "budget"

    def __init__(self, *, limit: int, retry_after: float, blocked: bool) -> None:
        seconds = max(1, math.ceil(retry_after))
        why = "Cal.com blocks this credential" if blocked else f"All {limit} calls a minute are spent"
        super().__init__(f"Calgate - {why}. Please try again in {seconds} seconds.", retry_after=retry_after)
        self.limit = limit

    def headers(self) -> list[tuple[bytes, bytes]]:
        """With the triple Cal.com itself sends, which its clients read (contract 2)."""
        assert self.retry_after is not None
        return [
            *super().headers(),
            (b"x-ratelimit-limit-default", str(self.limit).encode()),
            (b"x-ratelimit-remaining-default", b"0"),
            (b"x-ratelimit-reset-default", str(max(1, math.ceil(self.retry_after))).encode()),
        ]


class ShareSpent(BudgetSpent):
    """The part of the calls that a client of this gateway may spend is spent."""

    reason = "share"

    def __init__(self, *, client: str, limit: int, retry_after: float) -> None:
        seconds = max(1, math.ceil(retry_after))
        Refused.__init__(
            self,
            f"Calgate - this client's share of {limit} calls a minute is spent. "
            f"Please try again in {seconds} seconds.",
            retry_after=retry_after,
        )
        self.limit = limit
        self.client = client


class Unauthorized(Refused):
    """Calgate - a token of this gateway is needed."""

    status = 401
    reason = "client_token"

    def __init__(self, message: str | None = None, *, is_invalid: bool = False) -> None:
        super().__init__(message)
        self._is_invalid = is_invalid

    def headers(self) -> list[tuple[bytes, bytes]]:
        """With the challenge that RFC 6750, 3 asks for."""
        challenge = b'Bearer realm="calgate"' + (b', error="invalid_token"' if self._is_invalid else b"")
        return [(b"www-authenticate", challenge)]


class CircuitOpen(NotSent):
    """Calgate - Cal.com keeps failing, so it is not called at the moment."""

    reason = "breaker"


class StoreUnavailable(NotSent):
    """Calgate - its Redis cannot be reached, and without it no call may leave safely."""

    reason = "store"


class Settling(Refused):
    """Calgate - availability is being settled after a booking. Please try again."""

    reason = "settling"


class UpstreamTimeout(Refused):
    """Calgate - Cal.com did not answer in time."""

    status = 504
    reason = "timeout"


class NotUnderstood(Refused):
    """Calgate - Cal.com answered with something that is not a list of slots."""

    status = 502
    reason = "not_understood"


class DeadlineTooShort(NotSent):
    """Calgate - this cannot be answered within the Request-Timeout that was asked for."""

    status = 504
    reason = "deadline"


class UpstreamUnreachable(NotSent):
    """Calgate - Cal.com could not be reached."""

    status = 502
    reason = "unreachable"


class OutcomeUnknown(Refused):
    """Calgate - Cal.com did not answer, and the change may or may not have been made. Look before repeating it."""

    # Popular clients repeat any request that is answered with 5xx, and none of them this (decision 10).
    status = 409
    code = "OutcomeUnknown"
    reason = "unknown_outcome"

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Without a time to come back at, one that keeps generated clients from repeating a 409 as well."""
        return super().headers() or [(b"x-should-retry", b"false")]


class Invalid(Refused):
    """Cal.com would certainly refuse this request, in these words and with these details."""

    status = 400
    reason = "invalid"


class SlotTaken(NotSent):
    """Somebody was booked at this time while this request waited for its turn; in Cal.com's own words."""

    status = 400
    reason = "slot_taken"


class Queued(NotSent):
    """Calgate - other bookings of the same time are still under way, and nothing was sent. Please try again."""

    reason = "queue"


class BadIdempotencyKey(Refused):
    """Calgate - Idempotency-Key must be one value of 1 to 255 ASCII characters, on a body of at most 64 KiB."""

    status = 400
    reason = "idempotency_key"


class KeyReused(Refused):
    """Calgate - this Idempotency-Key was used for another request. A new request needs a new key."""

    status = 422
    reason = "key_reused"


class AnswerNotKept(Refused):
    """Calgate - the request with this Idempotency-Key was carried out, but its answer was too large to be kept."""

    status = 409
    reason = "answer_not_kept"


class StillRunning(Refused):
    """Calgate - a request with this Idempotency-Key is still under way. Please try again."""

    status = 409
    reason = "still_running"


class BodyTooLarge(Refused):
    """The request body is larger than this gateway forwards."""

    status = 413
    reason = "body_too_large"


class TooSlow(Refused):
    """The request body did not arrive in time."""

    status = 408
    reason = "slow_body"


class NotCached(Refused):
    """Calgate - there is no cached answer to this, and the request asks for nothing else."""

    status = 504
    reason = "only_if_cached"


class Malformed(Refused):
    """The request is not valid HTTP/1.1."""

    status = 400
    reason = "malformed"


class BadParameter(Refused):
    """A query parameter cannot be understood."""

    status = 400
    reason = "parameter"


class NotAllowed(Refused):
    """This path answers GET and HEAD only."""

    status = 405
    reason = "method"

    def headers(self) -> list[tuple[bytes, bytes]]:
        """With the methods that are answered (RFC 9110, 15.5.6)."""
        return [*super().headers(), (b"allow", b"GET, HEAD")]


class BadPath(Refused):
    """A path must not contain dot segments."""

    status = 400
    reason = "bad_path"


class Unsendable(NotSent):
    """The request cannot be put to Cal.com as it is."""

    status = 400
    reason = "unsendable"


class NotServed(Refused):
    """No such path."""

    status = 404
    reason = "not_served"


class Overloaded(NotSent):
    """Calgate - this process has all the calls to Cal.com it can hold. Please try again."""

    reason = "overload"


class Broken(Refused):
    """Calgate - an error of its own. The log has it under this request's id."""

    status = 500
    reason = "internal"


class ClientGone(Exception):
    """The client closed the connection before its answer was complete."""


def written(refusal: Refused) -> bytes:
    """A refusal as text, for another process that waited for the same."""
    return orjson.dumps(
        {
            "reason": refusal.reason,
            "message": refusal.message,
            "retry_after": refusal.retry_after,
            "limit": getattr(refusal, "limit", None),
            "client": getattr(refusal, "client", ""),
        }
    )


def told(text: bytes) -> Refused:
    """The refusal that was `written`; of no particular kind if this process does not know it."""
    document: dict[str, Any] = orjson.loads(text)
    kind = _BY_REASON.get(document["reason"], Refused)
    refusal = kind.__new__(kind)
    Refused.__init__(refusal, document["message"], retry_after=document["retry_after"])
    if isinstance(refusal, BudgetSpent):
        refusal.limit = document["limit"]
    if isinstance(refusal, ShareSpent):
        refusal.client = document.get("client", "")
    return refusal


_BY_REASON: dict[str, type[Refused]] = {
    kind.reason: kind
    for kind in (
        *(BudgetSpent, ShareSpent, CircuitOpen, StoreUnavailable, Settling, UpstreamTimeout),
        *(UpstreamUnreachable, Unsendable, Overloaded),
    )
}
