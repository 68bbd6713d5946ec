"""Whether what is cached is what Cal.com says now: the only check that also finds changes nobody told us of.

Costs one call for an answer that is right, two for one that is not.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

import orjson

from calcom import ratelimit, versions
from calcom.paths import classify
from calcom.reach import Stretch
from calcom.slots import distinct
from core.clock import Clock
from proxy.cache.chronicle import line_of
from proxy.cache.inventory import Kept
from proxy.cache.stamps import EVERYTHING, Fields, written_on
from proxy.cache.store import Store
from proxy.edge.headers import as_text, encoded, forwarded
from proxy.governor.purpose import Purpose
from proxy.refusals import Refused
from proxy.upstream import Call, Upstream, read

AGAIN_SECONDS: Final = 3.0
"""A first difference may be a change under way; one that is still there after this long is none (Cal.com's own cache
lives 2 s, contract 4.1)."""

# Two calls and the time between them, when Cal.com is quick; what takes longer ends as moved.
_ROOM_SECONDS: Final = AGAIN_SECONDS + 2.0

_NUMBERS: Final = range(1, 999)


class Verdict(StrEnum):
    """What a comparison said of one cached answer."""

    TRUE = "true"
    STALE = "stale"
    """It shows a time that is gone: what must not be."""
    SHORT = "short"
    """It lacks a time that is offered: nobody is booked twice, somebody looks in vain."""
    MOVED = "moved"
    """It changed meanwhile, or was not to be served anyhow: nothing was compared."""
    FAILED = "failed"
    """Cal.com could not be asked."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One audit. `gone` and `missing` are the instants the answer shows too many and too few, `age` its seconds."""

    target: str
    verdict: Verdict
    age: float = 0.0
    gone: tuple[datetime, ...] = ()
    missing: tuple[datetime, ...] = ()
    why: str = ""


class Auditor:
    """Compares answers to `GET /v2/slots`, paid from the class that comes last."""

    def __init__(self, store: Store, calls: Upstream, clock: Clock, *, rng: random.Random) -> None:
        self._store = store
        self._calls = calls
        self._clock = clock
        self._rng = rng

    async def audit(self, one: Kept, key: str = "", *, repair: bool = False) -> Finding:
        """Compare one cached answer with Cal.com, asked with the API *key* or with none.

        With *repair* an answer that differs is made unservable on the days where it does. Raises RedisError.
        """
        first = await self._compare(one, key)
        if first.verdict not in (Verdict.STALE, Verdict.SHORT):
            return first
        await self._clock.sleep(AGAIN_SECONDS)
        second = await self._compare(one, key)
        gone = tuple(sorted(set(first.gone) & set(second.gone)))
        missing = tuple(sorted(set(first.missing) & set(second.missing)))
        if second.verdict in (Verdict.MOVED, Verdict.FAILED):
            return second
        if not gone and not missing:
            return replace(second, verdict=Verdict.TRUE, gone=(), missing=())
        if repair:
            fields = _written(one.fields, [*gone, *missing])
            write, _ = await self._store.write_begin()
            await self._store.write_end(
                write, known=True, fields=fields, why=line_of("an audit found a difference")
            )
        verdict = Verdict.STALE if gone else Verdict.SHORT
        return replace(second, verdict=verdict, gone=gone, missing=missing)

    async def _compare(self, one: Kept, key: str) -> Finding:
        call = _call(one.target, key, self._rng.choice(_NUMBERS))
        try:
            response = await self._calls.send(call)
            body = await read(response)
        except Refused as refusal:
            return Finding(one.target, Verdict.FAILED, why=refusal.message)
        if response.status_code != 200:
            return Finding(one.target, Verdict.FAILED, why=f"Cal.com answered {response.status_code}")
        # Looked up after Cal.com was asked: had a write come in between, this entry would be outdated.
        looked = await self._store.lookup(one.digest, one.fields)
        entry = looked.entry
        if entry is None or looked.overlays or entry.stored != one.stored or looked.now >= entry.fresh_until:
            return Finding(one.target, Verdict.MOVED)
        shown, truth = _instants(entry.body), _instants(body)
        if shown is None or truth is None:
            return Finding(one.target, Verdict.FAILED, why="an answer cannot be read")
        # What has begun is cut off before it is served (mechanism 20).
        now = datetime.fromtimestamp(looked.now, UTC)
        gone = tuple(sorted(at for at in shown - truth if at > now))
        missing = tuple(sorted(at for at in truth - shown if at > now))
        verdict = Verdict.STALE if gone else Verdict.SHORT if missing else Verdict.TRUE
        return Finding(one.target, verdict, looked.now - entry.stored, gone, missing)


def can_audit(one: Kept) -> bool:
    """Whether the answer is of the kind that an audit understands, and will be served until one is over."""
    is_lasting = one.now + _ROOM_SECONDS < one.fresh_until
    return one.status == 200 and not one.outdated_by and is_lasting and one.target.startswith("/v2/slots?")


def _call(target: str, key: str, number: int) -> Call:
    headers = {"cal-api-version": versions.SLOTS}
    if key:
        headers["authorization"] = f"Bearer {key}"
    sent = forwarded(encoded(headers.items()), request_id=uuid.uuid4().hex.encode(), shared=True)
    asked = target.encode("latin-1")
    return Call(
        method="GET",
        # Past Cal.com's own cache where that can be done.
        target=distinct(asked, number) or asked,
        headers=sent,
        credential=ratelimit.credential(as_text(sent)),
        kind=classify("GET", target.partition("?")[0]),
        body=b"",
        purpose=Purpose.AUDIT,
    )


def _instants(body: bytes) -> set[datetime] | None:
    """The times an answer offers, however it writes them; `None` when it cannot be read."""
    try:
        days = orjson.loads(body)["data"]
        return {
            datetime.fromisoformat(slot if isinstance(slot, str) else slot["start"])
            for slots in days.values()
            for slot in slots
        }
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _written(read: Fields, instants: Iterable[datetime]) -> Fields:
    """The fields that make answers reading *read* unservable where they speak of these instants."""
    types = [field[1:] for field in read if field.startswith("t")]
    if len(types) != 1:
        return EVERYTHING
    (kind,) = types
    times = set().union(*(written_on(int(kind), Stretch(at, at)) for at in instants))
    return ("?", f"T{kind}", *sorted(times))
