"""What Redis is asked while one write passes through the gateway, as Redis itself tells."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple, TypeVar, cast

from redis.asyncio import Redis

T = TypeVar("T")

_INTENT: Final = re.compile(r"(\w{32}) \d+ begin \S*$")
_LAST: Final = "the tap is closed"


class Tapped(NamedTuple):
    """Round trips that name one write: scripts that announce it, and scripts that end it by emptying the cache.
    `commands` are all that clients sent meanwhile, the gateway's own errands among them.
    """

    intents: int
    bumps: int
    commands: int


async def tapped(redis: Redis, generation: str, act: Callable[[], Awaitable[T]]) -> tuple[T, Tapped]:
    """What `act` gave, and what Redis was asked while it ran. `generation` is the key that whoever empties the cache
    counts up.
    """
    lines: list[str] = []
    async with cast(Any, redis).monitor() as monitor:
        listening = asyncio.ensure_future(_listen(monitor, lines))
        given = await act()
        await cast(Any, redis).echo(_LAST)
        await listening
    return given, counted(lines, generation)


async def _listen(monitor: Any, lines: list[str]) -> None:
    while True:
        heard = await monitor.next_command()
        if heard["command"].endswith(_LAST):
            return
        # What a script asks is no round trip.
        if heard["client_type"] != "lua":
            lines.append(heard["command"])


def counted(lines: list[str], generation: str) -> Tapped:
    """The round trips among these commands; of the first write that is announced in them."""
    scripts = [line for line in lines if line.upper().startswith("EVAL")]
    announced = [found for line in scripts if (found := _INTENT.search(line)) is not None]
    if not announced:
        return Tapped(0, 0, len(lines))
    write = announced[0][1]
    own = [line for line in scripts if write in line]
    intents = sum(_INTENT.search(line) is not None for line in own)
    # EVALSHA, its digest, how many keys, the first of them. A write of settings is named in other scripts as well.
    bumps = sum(line.split(" ", 4)[3:4] == [generation] for line in own)
    return Tapped(intents, bumps, len(lines))
