"""The way of one write that may change what is bookable, from its body to its answer."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

from calcom import repeats, versions
from calcom.booking_requests import certainly_refused
from calcom.reach import uid_of
from calcom.rivals import Wish, landed_of, wish_of
from core.clock import Clock
from proxy.account.account import Account, Stranger, Told
from proxy.booking.looking import Looking, json_in
from proxy.booking.turns import Turns
from proxy.cache.stamps import SETTING, Fields
from proxy.edge.headers import as_text, returned
from proxy.edge.request import Request
from proxy.idempotency import key as keys
from proxy.idempotency.key import Key
from proxy.idempotency.once import Once
from proxy.idempotency.record import REPLAYED, Reply
from proxy.refusals import BadIdempotencyKey, Invalid, NotSent, OutcomeUnknown, SlotTaken, UpstreamTimeout
from proxy.telemetry import Telemetry
from proxy.upstream import Call, Upstream, read
from proxy.writes import STILL_RUNNING, Intent, Writes

# Bookings and reservations change nobody's settings.
_WITHOUT_SETTINGS: Final = frozenset({"bookings", "slots"})


@dataclass(frozen=True, slots=True)
class Rules:
    """What is done besides passing a write on: whether bodies are checked, whether bookings take turns, and the
    seconds for which an answer is kept for a client's key, or for one that is derived (0: none is)."""

    checks: bool
    takes_turns: bool
    kept: float
    derived: float


class BookingPath:
    """One per process."""

    def __init__(
        self,
        upstream: Upstream,
        writes: Writes,
        once: Once,
        turns: Turns,
        looking: Looking,
        account: Account | Stranger,
        telemetry: Telemetry,
        clock: Clock,
        rules: Rules,
    ) -> None:
        self._upstream = upstream
        self._writes = writes
        self._once = once
        self._turns = turns
        self._looking = looking
        self._account = account
        self._telemetry = telemetry
        self._clock = clock
        self._rules = rules

    async def answer(self, request: Request, call: Call) -> None:
        """Answer a write whose body is read. When this returns, no process serves what it made untrue.

        Raises Refused: before anything was sent, Invalid, what a bad or used key gives, SlotTaken, Queued and every
        other NotSent; OutcomeUnknown where nobody can tell what it did. Raises ClientGone when the client left before
        its turn came.
        """
        text = keys.sent_in(request.headers)
        if text is not None and not isinstance(call.body, bytes):
            raise BadIdempotencyKey
        self._check(call)
        await self._forget(call)
        key = self._key(text, call)
        if key is None:
            reply = await self._in_turn(request, call)
        else:
            reply = await self._once.run(key, call, lambda: self._in_turn(request, call))
        if reply.detail == REPLAYED:
            request.facts["replayed"] = True
            self._telemetry.spared("replayed")
        detail = f"calgate; detail={reply.detail}" if reply.detail else "calgate; fwd=method"
        await request.answer(reply.status, [*reply.headers, (b"cache-status", detail.encode())], reply.body)

    def _check(self, call: Call) -> None:
        if not self._rules.checks or not isinstance(call.body, bytes):
            return
        certain = certainly_refused(
            call.method, _path(call), as_text(call.headers), call.body, self._clock.now()
        )
        if certain is not None:
            self._telemetry.spared("invalid")
            raise Invalid(certain.message, details=certain.details)

    async def _forget(self, call: Call) -> None:
        """Whoever changes a booking that a derived key stands for, and then asks for the like again, means it."""
        if self._rules.derived > 0 and call.kind.endpoint == "bookings":
            booking = uid_of(_path(call), json_in(call.body))
            if booking is not None:
                await self._once.forget(booking)

    def _key(self, text: bytes | None, call: Call) -> Key | None:
        if text is not None:
            return keys.given(text, call, self._rules.kept)
        return keys.derived(call, self._rules.derived) if self._rules.derived > 0 else None

    async def _in_turn(self, request: Request, call: Call) -> Reply:
        """Make it, a booking when nobody who gets in its way is at it."""
        wish = self._wish(call)
        if wish is None:
            return await self._made(request, call)
        async with AsyncExitStack() as stack:
            try:
                # Whoever leaves the queue wants no booking any more; what is sent is another matter.
                async with request.watched():
                    turn = await stack.enter_async_context(self._turns.turn(wish, is_judged=_is_known(call)))
            except SlotTaken:
                self._telemetry.spared("slot_taken")
                raise
            reply = await self._made(request, call)
            if reply.status == 201:
                turn.made = landed_of(json_in(reply.body))
            return reply

    def _wish(self, call: Call) -> Wish | None:
        if not self._rules.takes_turns or not repeats.is_create(call.method, _path(call)):
            return None
        return wish_of(self._account.map(), json_in(call.body))

    async def _made(self, request: Request, call: Call) -> Reply:
        """Send it, and look for what it did when its answer is lost. Raises OutcomeUnknown when that does not show."""
        # Nothing has to be announced that is not going to leave.
        self._upstream.breakers.check(call.kind.breaker)
        began = self._clock.now()
        may_touch = _with_settings(call, await self._account.may_touch(call))
        async with self._writes.intent(may_touch) as intent:
            async with self._account.informed(intent, call) as told:
                reply = await self._sent(intent, told, call)
                if reply is None or reply.status >= 500 or reply.status in STILL_RUNNING:
                    reply = await self._found(intent, told, call, began, reply)
            intent.fields = _with_settings(call, intent.fields)
        if told.reach is not None:
            request.facts["reach"] = sorted({touch.rule for touch in told.reach.touches})
        request.facts["upstream_status"] = intent.status
        return reply

    async def _sent(self, intent: Intent, told: Told, call: Call) -> Reply | None:
        """Cal.com's answer; None where it was lost."""
        try:
            response = await self._upstream.send(call)
            intent.status = response.status_code
            told.body = body = await read(response)
        except NotSent:
            intent.sent = False
            raise
        except UpstreamTimeout:
            return None
        return Reply(response.status_code, returned(response.headers.raw), body)

    async def _found(
        self, intent: Intent, told: Told, call: Call, began: float, reply: Reply | None
    ) -> Reply:
        """The answer a look gives; else Cal.com's own, if there is one that does not leave a booking open."""
        # After an error of Cal.com's own nothing runs on.
        is_over = reply is not None and reply.status not in STILL_RUNNING
        found = await self._looking.lost(call, began, is_over=is_over)
        if found is not None:
            self._telemetry.lost("found")
            intent.status, told.body = found.status, found.body
            return found
        if reply is not None and (is_over or not repeats.is_create(call.method, _path(call))):
            return reply
        self._telemetry.lost("unknown")
        raise OutcomeUnknown


def _with_settings(call: Call, fields: Fields) -> Fields:
    """What a write may change besides availability."""
    return fields if call.kind.endpoint in _WITHOUT_SETTINGS else (*fields, SETTING)


def _is_known(call: Call) -> bool:
    """Whether it is of the version whose refusals are known."""
    return versions.effective(as_text(call.headers).get("cal-api-version")) == versions.BOOKINGS


def _path(call: Call) -> str:
    return call.target.partition(b"?")[0].decode("latin-1")
