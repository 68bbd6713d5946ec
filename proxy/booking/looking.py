"""Looks whether a write whose answer was lost was made, in the name of who asked for it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from calcom import repeats, versions
from calcom.paths import classify
from calcom.repeats import Changed, Wanted
from core.clock import Clock
from proxy.edge.headers import RawHeaders, as_text, forwarded, returned
from proxy.governor.purpose import Purpose
from proxy.idempotency.record import FOUND, Reply
from proxy.refusals import Refused
from proxy.upstream import Call, Upstream, read

# In the client's name: it may see no more than it would itself.
_ITS_NAME: Final = frozenset({b"authorization", b"x-cal-client-id", b"x-cal-secret-key", b"cal-api-version"})

# A write's answer has none of these.
_THE_LOOKS: Final = frozenset({b"etag", b"cache-control", b"content-encoding"})

# What was sent may land a little later than it broke off.
_PAUSES: Final = (0.0, 0.5, 1.0, 2.0)


@dataclass(frozen=True, slots=True)
class Shown:
    """What a look was answered with: None where that tells nothing."""

    document: Any
    headers: RawHeaders

    def reply(self, status: int, record: Mapping[str, Any]) -> Reply:
        """The answer that told of *record* and was lost; what came with the look is newer: limits, and for browsers."""
        kept = [one for one in self.headers if one[0] not in _THE_LOOKS]
        return Reply(status, kept, orjson.dumps({"status": "success", "data": record}), FOUND)


class Looking:
    """One per process. Every look is one call of the bookings' class."""

    def __init__(self, upstream: Upstream, clock: Clock, *, patience: float) -> None:
        """`lost` looks for at most *patience* seconds; 0 never looks."""
        self._upstream = upstream
        self._clock = clock
        self._patience = patience

    async def made(self, call: Call, since: datetime, *, is_live: bool) -> tuple[Reply | None, bool]:
        """The booking that *call* asks for if made after *since*, and whether it would be found if it were there.

        One that was given up since was made all the same, unless only one that *is_live* will do.
        """
        wanted = repeats.wanted(_version(call), json_in(call.body))
        if wanted is None:
            return None, False
        shown = await self._shown(call, wanted.target)
        record, is_certain = wanted.found_in(shown.document, since, is_live=is_live)
        return (None if record is None else shown.reply(201, record)), is_certain

    async def lost(self, call: Call, since: float, *, is_over: bool) -> Reply | None:
        """What *call*, which left after *since* (Unix seconds), did as its answer would have told it; None where
        that does not show in time.

        What *is_over* cannot land any more, so that one look tells all.
        """
        asked = self._asked(call)
        if self._patience == 0 or asked is None:
            return None
        try:
            async with asyncio.timeout(self._patience):
                for pause in _PAUSES[: 1 if is_over else None]:
                    await self._clock.sleep(pause)
                    found = await self._done(call, asked, datetime.fromtimestamp(since, UTC))
                    if found is not None:
                        return found
        except TimeoutError:
            pass
        return None

    @staticmethod
    def _asked(call: Call) -> Wanted | Changed | None:
        path = call.target.partition(b"?")[0].decode("latin-1")
        version, document = _version(call), json_in(call.body)
        if repeats.is_create(call.method, path):
            return repeats.wanted(version, document)
        return repeats.changed(call.method, path, version, document)

    async def _done(self, call: Call, asked: Wanted | Changed, since: datetime) -> Reply | None:
        shown = await self._shown(call, asked.target)
        if isinstance(asked, Wanted):
            # One that was cancelled is more likely another of the same.
            record, _ = asked.found_in(shown.document, since, is_live=True)
            return None if record is None else shown.reply(201, record)
        if asked.start is None:
            return shown.reply(200, shown.document["data"]) if asked.is_done_by(shown.document) else None
        successor = asked.successor_in(shown.document)
        if successor is None:
            return None
        shown = await self._shown(call, successor.target)
        return shown.reply(201, shown.document["data"]) if asked.is_done_by(shown.document) else None

    async def _shown(self, call: Call, target: str) -> Shown:
        """The answer to a look, an empty one where there is none that tells."""
        headers = [one for one in call.headers if one[0] in _ITS_NAME]
        look = Call(
            method="GET",
            target=target.encode(),
            headers=forwarded(headers, request_id=uuid.uuid4().hex.encode(), shared=True),
            credential=call.credential,
            kind=classify("GET", target.partition("?")[0]),
            body=b"",
            purpose=Purpose.BOOKING,
            client=call.client,
        )
        try:
            response = await self._upstream.send(look)
            body = await read(response)
        except Refused:
            return Shown(None, [])
        return Shown(json_in(body) if response.status_code == 200 else None, returned(response.headers.raw))


def json_in(body: Any) -> Any:
    """What a body says, None for one that is streamed or no JSON."""
    try:
        return orjson.loads(body) if isinstance(body, bytes) else None
    except orjson.JSONDecodeError:
        return None


def _version(call: Call) -> str:
    return versions.effective(as_text(call.headers).get("cal-api-version"))
