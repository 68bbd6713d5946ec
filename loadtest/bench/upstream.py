"""A stand-in for Cal.com that costs next to nothing, so that a bench measures what stands before it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

import orjson

_DAYS, _SLOTS = 7, 16


def answer() -> bytes:
    """A week of slots, about 5 KB: what a voice agent asks for (7 days of 16 slots)."""
    days = {
        f"2050-09-{day:02}": [
            {"start": f"2050-09-{day:02}T{9 + slot // 2:02}:{30 * (slot % 2):02}:00.000Z"}
            for slot in range(_SLOTS)
        ]
        for day in range(5, 5 + _DAYS)
    }
    return orjson.dumps({"status": "success", "data": days})


_BODY: Final = answer()
_HEADERS: Final = [
    (b"content-type", b"application/json; charset=utf-8"),
    (b"content-length", str(len(_BODY)).encode()),
    # nginx and Varnish keep nothing without being told for how long.
    (b"cache-control", b"public, max-age=600"),
]


async def app(
    scope: MutableMapping[str, Any],
    receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
    send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
) -> None:
    """Answer every request alike."""
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": _BODY})
