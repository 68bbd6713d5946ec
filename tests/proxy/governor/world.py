"""A fleet before the simulator's limiter, on a clock that only the test moves; the scripts run on a real Redis."""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from redis.asyncio import Redis

from calcom import ratelimit
from calcom.ratelimit import Credential, Kind
from calcom.simulator.limiter import Figures, Limit
from calcom.simulator.limiter import Limiter as Simulated
from core.keys import Keys
from proxy.governor.limiter import Grant, Limiter, Limits, Payer, Wait
from proxy.governor.purpose import Purpose
from proxy.scripts import Script, lua

KEY = Payer(Credential(Kind.API_KEY, "aaaa"))
START = 1_800_000_000.0


class SteppedClock:
    """Seconds that stand still until somebody sets them; nobody sleeps on it."""

    def __init__(self) -> None:
        self.seconds = START

    def now(self) -> float:
        return self.seconds

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nobody sleeps here")


def on_this_clock(limiter: Limiter, redis: Redis, keys: Keys) -> Limiter:
    """Have *limiter*'s scripts read the time from a key, which `set_time` writes."""
    limiter._permit = timed(redis, keys, "memory", "aside", "answered", "permit")
    limiter._block = timed(redis, keys, "block")
    limiter._told = timed(redis, keys, "answered", "told")
    return limiter


def timed(redis: Redis, keys: Keys, *names: str) -> Script:
    """A script that reads the time from a key."""
    text = lua("proxy.governor", *names)
    assert "redis.call('TIME')" in text
    return Script(
        redis, keys, text.replace("redis.call('TIME')", f"redis.call('HMGET', '{now_key(keys)}', 's', 'us')")
    )


async def set_time(redis: Redis, keys: Keys, now: float) -> None:
    """What the scripts take for the time, in seconds."""
    milliseconds = round(now * 1000)
    await redis.hset(now_key(keys), mapping={"s": milliseconds // 1000, "us": milliseconds % 1000 * 1000})


def now_key(keys: Keys) -> str:
    """Where the scripts read the time."""
    return f"{{cg:{keys.account}}}:test-now"


@dataclass
class Fleet:
    """Some processes that share a key, perhaps with somebody else, and a Cal.com that counts."""

    redis: Redis
    keys: Keys
    limits: Limits
    processes: int = 4
    calcom: Simulated = field(default_factory=Simulated)
    granted: Counter[Purpose] = field(default_factory=Counter)
    refused: Counter[Purpose] = field(default_factory=Counter)
    blocks_from: float = START

    def __post_init__(self) -> None:
        self.clock = SteppedClock()
        self.limiters = [self.process() for _ in range(self.processes)]
        self.limit = (Limit("default", self.limits.api_key, self.limits.window, self.limits.window),)
        self._events: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = itertools.count()

    def process(self) -> Limiter:
        """A new one, which knows nothing yet."""
        return on_this_clock(Limiter(self.redis, self.keys, self.limits, self.clock), self.redis, self.keys)

    async def move(self, seconds: float) -> None:
        """Let time pass, and what happens in it happen."""
        until = self.clock.seconds + seconds
        while self._events and self._events[0][0] <= until:
            at, _, happen = heapq.heappop(self._events)
            await self.set(at)
            result = happen()
            if hasattr(result, "__await__"):
                await result
        await self.set(until)

    async def set(self, now: float) -> None:
        """Set all clocks."""
        self.clock.seconds = now
        await set_time(self.redis, self.keys, now)

    def later(self, seconds: float, happen: Callable[[], object]) -> None:
        heapq.heappush(self._events, (self.clock.seconds + seconds, next(self._numbers), happen))

    async def call(
        self,
        process: int,
        purpose: Purpose,
        *,
        travel: float = 0.05,
        answer: float = 0.1,
        patience: float = 0.0,
        listens: bool = True,
    ) -> Grant | Wait:
        """Ask, and make the call if it is granted: it arrives after *travel* and is answered *answer* later."""
        limiter = self.limiters[process]
        verdict = await limiter.ask(KEY, purpose, patience=patience)
        if isinstance(verdict, Wait):
            self.refused[purpose] += 1
            return verdict
        self.granted[purpose] += 1
        hears = limiter if listens else None
        self.later(travel, lambda: self.arrive(hears, verdict, answer))
        return verdict

    def arrive(self, hears: Limiter | None, grant: Grant, answer: float) -> None:
        """A call of ours arrives; who *hears* of it does so *answer* later."""
        said = self.hit()

        async def hear() -> None:
            if hears is not None:
                await hears.told(grant, ratelimit.told(said, self.clock.now()))

        self.later(answer, hear)

    def hit(self) -> dict[str, str]:
        """One call arrives at Cal.com, ours or somebody else's."""
        verdict = self.calcom.hit("key", self.limit, self.clock.seconds)
        return {name.decode().lower(): value.decode() for name, value in verdict.headers}

    @property
    def figures(self) -> Figures:
        return self.calcom.figures()["key"]
