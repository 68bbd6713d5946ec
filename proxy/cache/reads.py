"""Other reads from the cache: settings for half a minute, somebody's live calendars for seconds.

They are kept for the credential that asked, and all go when a setting is written through this gateway: one field
(stamps.py) is enough for what is asked so rarely.
"""

from __future__ import annotations

import hashlib
from typing import Final
from urllib.parse import parse_qsl

import orjson

from calcom.reads import Keep, keep
from proxy.cache.directives import NOTHING, Demand
from proxy.cache.entry import MAX_BODY_BYTES, Life
from proxy.cache.fetch import Ask
from proxy.cache.serving import Answer, Serving
from proxy.cache.stamps import SETTINGS
from proxy.upstream import Call

_EXTERNAL_SECONDS: Final = 5.0

# What besides the credential and the version decides what a caller is told (contract 1, 3).
_TELLING: Final = frozenset(
    {b"authorization", b"cal-api-version", b"cookie", b"origin", b"x-cal-platform-embed"}
    | {b"x-cal-client-id", b"x-cal-secret-key"}
)


class ReadsCache:
    """Answers reads that are neither availability nor bookings. One instance per process."""

    def __init__(self, serving: Serving, *, ttl: float, stale_if_error: float) -> None:
        """*ttl* seconds for settings, 0 to keep nothing; *stale_if_error* seconds after that when Cal.com fails."""
        self._serving = serving
        self._ttl = ttl
        self._stale_if_error = stale_if_error

    def keeps(self, method: str, path: str) -> bool:
        """Whether the answer to such a request may be kept."""
        return self._ttl > 0 and method == "GET" and keep(path) is not None

    async def answer(self, path: str, call: Call, demand: Demand = NOTHING) -> Answer:
        """Answer a read that `keeps` says yes to. Raises Refused."""
        ttl = min(_EXTERNAL_SECONDS, self._ttl) if keep(path) is Keep.EXTERNAL else self._ttl

        def life(status: int, body: bytes, *, now: float, empties: int) -> Life | None:
            is_json = status == 200 and len(body) <= MAX_BODY_BYTES and _is_object(body)
            return Life(ttl, ttl + self._stale_if_error) if is_json else None

        return await self._serving.answer(Ask(_digest(call), "", call, SETTINGS, life), demand=demand)


def _digest(call: Call) -> str:
    path, _, query = call.target.partition(b"?")
    # Brackets of arrays come plain and escaped (contract 6.2); the order of different parameters means nothing.
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    told = sorted((name, value) for name, value in call.headers if name in _TELLING)
    parts = [
        path,
        orjson.dumps(sorted(pairs, key=lambda pair: pair[0])),
        *(part for pair in told for part in pair),
    ]
    return "r:" + hashlib.sha256(b"\x00".join(parts)).hexdigest()[:32]


def _is_object(body: bytes) -> bool:
    try:
        return isinstance(orjson.loads(body), dict)
    except orjson.JSONDecodeError:
        return False
