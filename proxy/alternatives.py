"""`GET /-/alternatives`: the nearest bookable times around a wish, out of one look at each event type.

Every look goes the way of a client's own `GET /v2/slots`, so what holds for that holds for these. They are asked for
at once; one that fails leaves its event type out, and the answer says so.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from calcom import ratelimit, versions
from calcom.alternatives import (
    Alternative,
    Offered,
    Question,
    Selector,
    Unclear,
    is_free,
    offered_in,
    question_of,
    rank,
)
from calcom.paths import classify
from calcom.slots import Query, parse
from core.clock import Clock
from proxy.account.account import Account, Stranger
from proxy.cache.directives import Demand, demanded
from proxy.cache.serve import SlotsCache
from proxy.cache.serving import Answer
from proxy.edge.headers import RawHeaders, as_text, forwarded
from proxy.edge.request import JSON, Request
from proxy.refusals import BadParameter, NotAllowed, NotUnderstood, Refused
from proxy.telemetry import Telemetry
from proxy.upstream import Call

PATH: Final = "/-/alternatives"

_SLOTS: Final = "/v2/slots"
_VERSION: Final = (b"cal-api-version", versions.SLOTS.encode())
_ORDER: Final = ("hit", "stale", "coalesced", "miss")
"""Ways to an answer, the dearest last."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one event type offers, and the answer that says so."""

    selector: Selector
    answer: Answer
    offered: Offered


@dataclass(frozen=True, slots=True)
class Missed:
    """An event type that could not be looked at, by our refusal or by Cal.com's."""

    selector: Selector
    why: Refused | Answer


class Alternatives:
    """Answers questions for alternatives. One instance per process."""

    def __init__(
        self, slots: SlotsCache, account: Account | Stranger, telemetry: Telemetry, clock: Clock
    ) -> None:
        self._slots = slots
        self._account = account
        self._telemetry = telemetry
        self._clock = clock

    async def answer(self, request: Request) -> None:
        """Answer *request*. Raises Refused, also when none of its event types could be looked at."""
        if request.method not in ("GET", "HEAD"):
            raise NotAllowed
        try:
            question = question_of(request.query.decode("latin-1"), self._now())
        except Unclear as unclear:
            raise BadParameter(f"Calgate - {unclear}.") from None
        looks = await self._looks(request, question)
        seen = [one for one in looks if isinstance(one, Seen)]
        missed = [one for one in looks if isinstance(one, Missed)]
        if not seen:
            await _refuse(request, missed[0])
            return
        offered = [one.offered for one in seen]
        ranked = rank(question.wish, offered, question.strategies, question.count)
        free = is_free(question.wish, offered)
        result = "partial" if missed else "exact" if free else "others" if ranked else "nothing"
        self._telemetry.offered(result)
        request.facts |= {"types": len(looks), "offered": len(ranked), "result": result}
        answers = [one.answer for one in seen]
        document = {
            "status": "success",
            "data": {
                "wish": _wish(question, free=free),
                "alternatives": [_alternative(one, seen[one.kind].selector) for one in ranked],
                "lookedAt": {"first": str(question.first), "last": str(question.last)},
                "age": int(_age(answers) or 0),
                "isStale": any(answer.outcome == "stale" for answer in answers),
                "missing": [_missing(one) for one in missed],
            },
        }
        headers = [JSON, (b"cache-control", b"no-store")]
        await _reply(request, answers, 200, headers, orjson.dumps(document))

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now(), UTC)

    async def _looks(self, request: Request, question: Question) -> list[Seen | Missed]:
        """All looks, at once: each one finds an answer that is kept, or asks Cal.com."""
        kept = [(name, value) for name, value in request.headers if name != _VERSION[0]]
        headers = forwarded([*kept, _VERSION], request_id=request.id.encode(), shared=True)
        text = as_text(request.headers)
        credential, demand = ratelimit.credential(text), demanded(text)

        def call_of(query_string: str) -> Call:
            target = f"{_SLOTS}?{query_string}".encode()
            return Call(
                "GET", target, headers, credential, classify("GET", _SLOTS), body=b"", client=request.client
            )

        async def look(selector: Selector) -> Seen | Missed:
            query_string = question.look(selector)
            query = parse(query_string, versions.SLOTS)
            assert query is not None
            answer = await self._answer(query, call_of(query_string), demand)
            if isinstance(answer, Refused) or answer.status != 200:
                return Missed(selector, answer)
            # By the time it is answered: a look may have waited for a while.
            after = self._now()
            offered = offered_in(answer.body, first=question.first, last=question.last, after=after)
            if offered is None:
                return Missed(selector, NotUnderstood())
            return Seen(selector, answer, offered)

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(look(selector)) for selector in question.types]
        return [task.result() for task in tasks]

    async def _answer(self, query: Query, call: Call, demand: Demand) -> Answer | Refused:
        try:
            answer = await self._slots.answer(query, call, demand)
        except Refused as refusal:
            return refusal
        if answer.outcome == "miss":
            self._account.saw(call, answer.status)
        return answer


async def _refuse(request: Request, missed: Missed) -> None:
    """Answer as a look itself would have been."""
    if isinstance(missed.why, Refused):
        raise missed.why
    await _reply(request, [missed.why], missed.why.status, missed.why.headers, missed.why.body)


async def _reply(
    request: Request, made_of: Sequence[Answer], status: int, headers: RawHeaders, body: bytes
) -> None:
    """An answer made of others: got in the dearest of their ways, and as old as the oldest."""
    dearest = max(made_of, key=lambda answer: _ORDER.index(answer.outcome))
    request.outcome = dearest.outcome
    headers = [*headers, (b"cache-status", dearest.cache_status.encode())]
    age = _age(made_of)
    if age is not None:
        headers.append((b"age", str(int(age)).encode()))
        request.facts["age"] = round(age, 1)
    await request.answer(status, headers, body)


def _age(answers: Sequence[Answer]) -> float | None:
    """Seconds since the oldest was Cal.com's word; `None` when all just were."""
    return max((answer.age for answer in answers if answer.age is not None), default=None)


def _wish(question: Question, *, free: bool) -> dict[str, Any]:
    start = None if question.wish.is_day else question.wish.start.isoformat(timespec="milliseconds")
    return {"day": str(question.wish.day), "start": start, "timeZone": question.zone, "isFree": free}


def _alternative(one: Alternative, selector: Selector) -> dict[str, Any]:
    return {
        **_named(selector),
        "start": one.text,
        "startUtc": f"{one.start.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.000Z",
        "strategy": one.strategy,
        "reason": one.reason,
        "minutesFromWish": one.minutes,
        "daysFromWish": one.days,
    }


def _missing(one: Missed) -> dict[str, Any]:
    why = one.why
    if isinstance(why, Answer):
        return {**_named(one.selector), "status": why.status, "message": _message(why.body)}
    told: dict[str, Any] = {**_named(one.selector), "status": why.status, "message": why.message}
    if why.retry_after is not None:
        told["retryAfter"] = max(1, math.ceil(why.retry_after))
    return told


def _message(body: bytes) -> str:
    """What Cal.com says in its error envelope (contract 5.6)."""
    try:
        return str(orjson.loads(body)["error"]["message"])
    except (KeyError, TypeError, ValueError):
        return ""


def _named(selector: Selector) -> dict[str, Any]:
    """The event type as it was asked for, and as the body of a booking takes it."""
    return {name: int(value) if name == "eventTypeId" else value for name, value in selector}
