"""What the fleet's processes agree on: when a circuit is open for all of them, and whose the one probe is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import orjson
from redis.asyncio import Redis

from calcom.paths import Breaker as Endpoints
from core.keys import Keys
from proxy.breaker.machine import State
from proxy.scripts import Script, lua

RESERVED_SECONDS: Final = 5.0
"""How long a probe stays reserved for a process that is not heard of."""

Word = Literal["told", "alone", "granted", "held", "done"]


@dataclass(frozen=True, slots=True)
class Record:
    """How one circuit is for the fleet: `left` seconds until a probe is due, opened `opens` times in a row."""

    generation: int
    state: State
    left: float = 0.0
    opens: int = 0

    @classmethod
    def of(cls, document: Mapping[str, Any], now_ms: float) -> Record:
        """Read what the script wrote."""
        return cls(
            int(document["generation"]),
            State(document["state"]),
            (document.get("until", now_ms) - now_ms) / 1000,
            int(document.get("opens", 0)),
        )


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of asking (`fleet.lua` tells the words), `seconds` to wait where that is said, and how it is now."""

    word: Word
    seconds: float
    record: Record


class Fleet:
    """One process's way to the others. Every method raises RedisError."""

    def __init__(self, redis: Redis, keys: Keys, *, process: str) -> None:
        self._redis = redis
        self._keys = keys
        self._process = process
        self._script = Script(redis, keys, lua(__package__, "fleet"))

    async def accuse(self, endpoints: Endpoints, known: int, *, seconds: float, opens: int) -> Reply:
        """This process has opened by itself. With another's word, or its own a second time, all open."""
        return await self._ask("accuse", endpoints, known, seconds=seconds, opens=opens)

    async def reserve(self, endpoints: Endpoints, known: int, token: str, *, opens: int) -> Reply:
        """Ask for the probe, which is then kept for RESERVED_SECONDS."""
        return await self._ask("reserve", endpoints, known, token, seconds=RESERVED_SECONDS, opens=opens)

    async def renew(self, endpoints: Endpoints, token: str) -> None:
        """The probe is still out."""
        await self._ask("renew", endpoints, 0, token, seconds=RESERVED_SECONDS)

    async def release(self, endpoints: Endpoints, token: str) -> None:
        """The probe came to nothing: the next may go at once."""
        await self._ask("release", endpoints, 0, token)

    async def probed(
        self, endpoints: Endpoints, known: int, token: str, *, ok: bool, seconds: float, opens: int
    ) -> Reply:
        """The probe's outcome. One whose reservation had run out changes nothing."""
        return await self._ask("good" if ok else "bad", endpoints, known, token, seconds=seconds, opens=opens)

    async def look(self) -> dict[Endpoints, Record]:
        """How all of them are that ever moved."""
        seconds, micros = await self._redis.time()
        found: Any = self._redis.hgetall(self._keys.breaker)
        documents = {name.decode(): orjson.loads(text) for name, text in (await found).items()}
        now_ms = seconds * 1000 + micros // 1000
        return {
            endpoints: Record.of(documents[endpoints.value], now_ms)
            for endpoints in Endpoints
            # One without a generation was written by an older gateway, for the monitor alone.
            if "generation" in documents.get(endpoints.value, {})
        }

    async def failed(self, endpoints: Endpoints, passed: int, quiet: float) -> None:
        """Tell the others of a call that failed; see `machine.Failure`."""
        word = f"x {endpoints.value} {self._process} {passed} {round(quiet * 1000)}"
        await self._redis.publish(self._keys.told, word)

    async def _ask(
        self,
        what: str,
        endpoints: Endpoints,
        known: int,
        token: str = "",
        *,
        seconds: float = 0.0,
        opens: int = 0,
    ) -> Reply:
        args = [what, endpoints.value, self._process, known, token, round(seconds * 1000), opens]
        word, wait_ms, now_ms, text = await self._script([self._keys.breaker], [*args, self._keys.told])
        return Reply(word.decode(), wait_ms / 1000, Record.of(orjson.loads(text), now_ms))
