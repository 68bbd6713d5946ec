"""What was made unservable lately and why, for people. Redis keeps the last hundred lines for two days."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import orjson
from redis.asyncio import Redis

from calcom.reach import RULES, Reach
from core.keys import Keys

_MOST_TOUCHES = 60


@dataclass(frozen=True, slots=True)
class Touched:
    """One event type (None: all, 0: those the account map does not know) at some time ('': always), by a rule."""

    event_type: int | None
    when: str
    rule: str

    @property
    def reason(self) -> str:
        """Why there is such a rule."""
        return RULES[self.rule].reason if self.rule in RULES else self.rule


@dataclass(frozen=True, slots=True)
class Line:
    """One invalidation. `at` is Unix seconds on Redis' clock; `cause` says what it was, `status` what Cal.com said (0:
    nothing); without `touches` it was everything. `more` touches were not written down.
    """

    at: float
    generation: int
    cause: str
    status: int = 0
    touches: tuple[Touched, ...] = ()
    more: int = 0


def line_of(cause: str, status: int = 0, reach: Reach | None = None) -> str:
    """The line for people about an invalidation: *cause* must name nobody. Goes with the generation it begins."""
    touches = () if reach is None else reach.touches
    # The rules' reasons, not the touches' own: those may quote a path, and a path may hold a booking's uid.
    rows = [
        [one.event_type, "" if one.stretch is None else str(one.stretch), one.rule]
        for one in touches[:_MOST_TOUCHES]
    ]
    more = max(0, len(touches) - _MOST_TOUCHES)
    return orjson.dumps({"cause": cause, "status": status, "touches": rows, "more": more}).decode()


async def lines(redis: Redis, keys: Keys, most: int = 100) -> list[Line]:
    """The last invalidations, newest first. Raises RedisError."""
    return [_line(text) for text in await cast(Any, redis.lrange(keys.story, 0, most - 1))]


def _line(text: bytes) -> Line:
    at, generation, told = text.split(b" ", 2)
    found = orjson.loads(told)
    touches = tuple(Touched(*row) for row in found.get("touches", ()))
    return Line(
        int(at) / 1000,
        int(generation),
        found.get("cause", "not said"),
        found.get("status", 0),
        touches,
        found.get("more", 0),
    )
