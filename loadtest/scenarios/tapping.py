"""What Redis is asked while one write passes through the gateway, as Redis itself tells."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple, TypeVar, cast

from redis.asyncio import Redis

T = TypeVar("T")

_INTENT: Final = re.compile(r"(\w{32}) \d+ begin$")
_LAST: Final = "the tap is closed"


class Tapped(NamedTuple):
    """Round trips that name one write: scripts that announce it, and scripts that end it by emptying the cache.
    `commands` are all that clients sent meanwhile, the gateway's own errands among them.
    """

    intents: int
    bumps: int
    commands: int


async def tapped(redis: Redis, act: Callable[[], Awaitable[T]]) -> tuple[T, Tapped]:
    """What `act` gave, and what Redis was asked while it ran."""
    lines: list[str] = []
    async with cast(Any, redis).monitor() as monitor:
        listening = asyncio.ensure_future(_listen(monitor, lines))
        given = await act()
        await cast(Any, redis).echo(_LAST)
        await listening
    return given, counted(lines)


async def _listen(monitor: Any, lines: list[str]) -> None:
    while True:
        heard = await monitor.next_command()
        if heard["command"].endswith(_LAST):
            return
        # What a script asks is no round trip.
        if heard["client_type"] != "lua":
            lines.append(heard["command"])


def counted(lines: list[str]) -> Tapped:
    """The round trips among these commands; of the first write that is announced in them."""
    scripts = [line for line in lines if line.upper().startswith("EVAL")]
    announced = [found for line in scripts if (found := _INTENT.search(line)) is not None]
    if not announced:
        return Tapped(0, 0, len(lines))
    write = announced[0][1]
    own = [line for line in scripts if write in line]
    intents = sum(_INTENT.search(line) is not None for line in own)
    return Tapped(intents, len(own) - intents, len(lines))
