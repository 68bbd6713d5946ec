"""One process of the fleet that shares a key: the gateway's own governor before a wire to the counted Cal.com.

`python -m loadtest.scenarios.budget_process` waits for one line of JSON, its orders, so that it can take a dead one's
place at once; from then on it writes one line a second of what it did since the last.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
from collections import Counter
from dataclasses import dataclass, field, fields
from typing import Any, Final

import orjson
from redis.exceptions import RedisError

from calcom.ratelimit import Credential, Kind, Told
from core import log
from core.clock import Clock, SystemClock
from core.keys import Keys
from core.redis import connect
from core.runner import loop_factory
from core.tasks import spawn
from loadtest.scenarios.hastened import Hastened, hasten
from proxy.cache import epoch
from proxy.governor.heart import Heart
from proxy.governor.limiter import Grant, Limiter, Limits, Payer, Wait
from proxy.governor.purpose import Purpose
from proxy.governor.shares import Shares
from proxy.governor.turnstile import Turnstile

KEY: Final = Payer(Credential(Kind.API_KEY, "0123456789abcdef"))
ACCOUNT: Final = "loadtest"

# As the gateway has it (proxy/upstream.py).
_PATIENCE, _BOOKINGS_PATIENCE = 2.0, 10.0


@dataclass(frozen=True, slots=True)
class Orders:
    """What a process is to do. `rates` are calls a second by class, on a clock `speed` times as fast as life."""

    redis: str
    calcom: str
    place: str
    speed: float
    base: int
    skew: float
    seed: int
    rates: dict[str, float]


@dataclass(slots=True)
class Did:
    """What came of it. `waits` are seconds, as the watch on the wall has them, that bookings waited for leave."""

    granted: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    without_redis: int = 0
    by_share: int = 0
    too_late: int = 0
    waits: list[float] = field(default_factory=list)

    def add(self, other: Did) -> None:
        """Take over what another did."""
        self.granted += other.granted
        self.refused += other.refused
        self.without_redis += other.without_redis
        self.by_share += other.by_share
        self.too_late += other.too_late
        self.waits += other.waits

    def line(self) -> bytes:
        """One line of JSON."""
        # Not by asdict, which would count a Counter's items.
        return orjson.dumps({one.name: getattr(self, one.name) for one in fields(self)}) + b"\n"

    @classmethod
    def of(cls, line: bytes) -> Did:
        """What `line` made of it."""
        parts = orjson.loads(line)
        return cls(**parts | {name: Counter(parts[name]) for name in ("granted", "refused")})


class Wire:
    """One connection to the counted Cal.com, for any number of calls at once."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._waiting: dict[str, asyncio.Future[tuple[int, Told]]] = {}
        self._number = 0

    async def run(self) -> None:
        """Take answers for ever."""
        while line := await self._reader.readline():
            number, status, limit, left, reset = line.decode().split()
            told = Told("default", int(limit), int(left), float(reset))
            self._waiting.pop(number).set_result((int(status), told))

    async def call(self) -> tuple[int, Told]:
        """Make one call."""
        self._number += 1
        future: asyncio.Future[tuple[int, Told]] = asyncio.get_running_loop().create_future()
        self._waiting[str(self._number)] = future
        self._writer.write(b"%d\n" % self._number)
        return await future


class Caller:
    """Asks for more than there is, as the gateway would."""

    def __init__(self, limiter: Limiter, clock: Clock, speed: float, wire: Wire) -> None:
        self._limiter = limiter
        self._turnstile = Turnstile(limiter, clock)
        self._clock = clock
        self._speed = speed
        self._wire = wire
        self.did = Did()

    async def call(self, purpose: Purpose) -> None:
        """One call of this class, as `Upstream.send` goes about it."""
        started, patience = self._clock.monotonic(), _PATIENCE
        if purpose is Purpose.BOOKING:
            patience = _BOOKINGS_PATIENCE
        while True:
            left = max(0.0, patience - (self._clock.monotonic() - started))
            try:
                may_share = purpose is Purpose.INTERACTIVE
                answer = await self._turnstile.enter(KEY, purpose, patience=left, may_share=may_share)
                if isinstance(answer, Wait):
                    self.did.refused[purpose.value] += 1
                    return
                if self._limiter.is_current(answer):
                    break
                self.did.too_late += 1
                await self._limiter.give_back(answer)
                if left == 0.0:
                    self.did.refused[purpose.value] += 1
                    return
            except RedisError:
                self.did.without_redis += 1
                return
        if purpose is Purpose.BOOKING:
            self.did.waits.append((self._clock.monotonic() - started) / self._speed)
        await self._make(purpose, answer)

    async def _make(self, purpose: Purpose, grant: Grant) -> None:
        try:
            grant = await self._limiter.left(grant)
        except RedisError:
            # It must not leave uncounted.
            self.did.without_redis += 1
            return
        self.did.granted[purpose.value] += 1
        self.did.by_share += grant.by_share
        status, told = await self._wire.call()
        with contextlib.suppress(RedisError):
            if status == 429:
                await self._limiter.blocked(KEY, [told])
            else:
                await self._limiter.told(grant, [told])


async def _ask(caller: Caller, purpose: Purpose, rate: float, clock: Clock, dice: random.Random) -> None:
    due = clock.monotonic()
    while True:
        due += dice.expovariate(rate)
        await clock.sleep(due - clock.monotonic())
        spawn(caller.call(purpose), name=f"call-{purpose}")


async def _main(orders: Orders) -> None:
    real = SystemClock()
    clock = Hastened(real, speed=orders.speed, base=orders.base, skew=orders.skew)
    keys, limits = Keys(ACCOUNT), Limits()
    redis = connect(orders.redis, client_name="loadtest")
    hasten(redis, speed=orders.speed, base=orders.base)
    epoch.guard(redis, keys, 60.0)
    shares = Shares(limits, name=orders.place)
    host, _, port = orders.calcom.rpartition(":")
    wire = Wire(*await asyncio.open_connection(host, int(port)))
    caller = Caller(Limiter(redis, keys, limits, clock, shares), clock, orders.speed, wire)
    tasks = [spawn(wire.run(), name="wire"), spawn(Heart(redis, keys, shares, clock).run(), name="heart")]
    dice = random.Random(orders.seed)
    for name, rate in orders.rates.items():
        if rate:
            tasks.append(spawn(_ask(caller, Purpose(name), rate, clock, dice), name=f"ask-{name}"))
    while not any(task.done() for task in tasks):
        await real.sleep(min(1.0, 5.0 / orders.speed))
        did, caller.did = caller.did, Did()
        sys.stdout.buffer.write(did.line())
        sys.stdout.buffer.flush()


def main() -> None:
    """Wait for orders, and follow them until the end."""
    line = sys.stdin.buffer.readline()
    if line:
        log.configure("error", "console", program="loadtest")
        parts: dict[str, Any] = orjson.loads(line)
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(_main(Orders(**parts)))


if __name__ == "__main__":
    main()
