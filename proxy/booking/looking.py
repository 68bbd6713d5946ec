"""Looks whether a write whose answer was lost was made, in the name of who asked for it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from calcom import repeats, versions
from calcom.paths import classify
from calcom.repeats import Changed, Wanted
from core.clock import Clock
from proxy.edge.headers import as_text, encoded, forwarded
from proxy.governor.purpose import Purpose
from proxy.idempotency.record import FOUND, Reply
from proxy.refusals import Refused
from proxy.upstream import Call, Upstream, read

# In the client's name: it may see no more than it would itself.
_ITS_NAME: Final = frozenset({b"authorization", b"x-cal-client-id", b"x-cal-secret-key", b"cal-api-version"})

# What was sent may land a little later than it broke off.
_PAUSES: Final = (0.0, 0.5, 1.0, 2.0)


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
        document = await self._shown(call, wanted.target)
        record, is_certain = wanted.found_in(document, since, is_live=is_live)
        return (None if record is None else _reply(201, record)), is_certain

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
        document = await self._shown(call, asked.target)
        if isinstance(asked, Wanted):
            # One that was cancelled is more likely another of the same.
            record, _ = asked.found_in(document, since, is_live=True)
            return None if record is None else _reply(201, record)
        status = 200
        if asked.start is not None:
            status, successor = 201, asked.successor_in(document)
            document = None if successor is None else await self._shown(call, successor.target)
        return _reply(status, document["data"]) if asked.is_done_by(document) else None

    async def _shown(self, call: Call, target: str) -> Any:
        """The answer to a look; None where there is none that tells."""
        headers = [one for one in call.headers if one[0] in _ITS_NAME]
        look = Call(
            method="GET",
            target=target.encode(),
            headers=forwarded(headers, request_id=uuid.uuid4().hex.encode(), shared=True),
            credential=call.credential,
            kind=classify("GET", target.partition("?")[0]),
            body=b"",
            purpose=Purpose.BOOKING,
        )
        try:
            response = await self._upstream.send(look)
            body = await read(response)
        except Refused:
            return None
        return json_in(body) if response.status_code == 200 else None


def json_in(body: Any) -> Any:
    """What a body says, None for one that is streamed or no JSON."""
    try:
        return orjson.loads(body) if isinstance(body, bytes) else None
    except orjson.JSONDecodeError:
        return None


def _version(call: Call) -> str:
    return versions.effective(as_text(call.headers).get("cal-api-version"))


def _reply(status: int, record: Mapping[str, Any]) -> Reply:
    text = orjson.dumps({"status": "success", "data": record})
    return Reply(status, encoded([("content-type", "application/json; charset=utf-8")]), text, FOUND)
