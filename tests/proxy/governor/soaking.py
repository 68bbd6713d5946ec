"""A fleet that wants all there is, alone and beside others of several kinds, for as long as one has patience.

`python -m tests.proxy.governor.soaking [--hours 24] [--seed 1] [--only KIND]`: the scripts run on a real Redis, on a
clock that is stepped from event to event, so that a day takes minutes and a seed always shows the same. Prints what
each act saw; the exit status is 1 if a promise of docs/budget.md was broken.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any, Final

from redis.asyncio import Redis

from calcom.ratelimit import Told
from core.embedded import EmbeddedRedis
from core.keys import Keys
from core.redis import connect
from loadtest.scenarios.budget_fleet import ANSWER_SECONDS, LIMIT, WINDOW, Counted, Tally, most_in
from proxy.governor.limiter import Grant, Limiter, Limits, Wait
from proxy.governor.purpose import Purpose
from proxy.scripts import Script, lua
from tests.conftest import dying_with_us
from tests.proxy.governor.world import KEY, START, Fleet, SteppedClock

CYCLE: Final = WINDOW + Limits().guard

TRAVEL_SECONDS: Final = (0.01, 0.1)
PATIENCE_SECONDS: Final = 10.0
SKEW_SECONDS: Final = 5.0
KILL_EVERY_SECONDS: Final = 4 * CYCLE

# Below bookings, which always want more: calls a second of each class over the whole fleet.
LOWER: Final[Mapping[Purpose, float]] = {
    Purpose.INTERACTIVE: 0.2,
    Purpose.REVALIDATE: 0.1,
    Purpose.WARM: 0.1,
    Purpose.AUDIT: 0.1,
}

LEAST: Final[Mapping[str, float]] = {"alone": 0.98, "regular": 0.94}
"""What must be used of what was available, where no block may be ours either. Of the other kinds figures are told: who
comes by chance or in bursts can take the last calls whatever we do."""

Steps = Iterator[tuple[float, bool]]
"""What somebody else does: waits so many seconds, and then calls or does not."""

Other = Callable[[Random], Steps]


def coming_and_going(gaps: Callable[[Random], float]) -> Other:
    """Somebody who is away for two to four windows and there for three to six."""

    def steps(dice: Random) -> Steps:
        yield dice.uniform(0.5, 1.5) * WINDOW, False
        while True:
            left = dice.uniform(3, 6) * WINDOW
            while left > 0:
                gap = gaps(dice)
                left -= gap
                yield gap, True
            yield dice.uniform(2, 4) * WINDOW, False

    return steps


def bursts(dice: Random) -> Steps:
    """Somebody who does some work now and then: up to fifteen calls at five a second."""
    while True:
        yield dice.uniform(5, 30), True
        for _ in range(dice.randrange(15)):
            yield 0.2, True


OTHERS: Final[Mapping[str, Other | None]] = {
    "alone": None,
    # As in `calgate loadtest budget`.
    "regular": coming_and_going(lambda dice: dice.uniform(0.5, 1.5)),
    "random": coming_and_going(lambda dice: dice.expovariate(1.0)),
    "greedy": coming_and_going(lambda dice: dice.uniform(0.25, 1.0)),
    "bursts": bursts,
    "rare": lambda dice: iter(lambda: (dice.expovariate(1 / 20), True), None),
}


class Skewed:
    """The clock of a process whose time is off."""

    def __init__(self, clock: SteppedClock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds

    def now(self) -> float:
        return self._clock.now() + self._seconds

    def monotonic(self) -> float:
        return self._clock.monotonic() + self._seconds

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)


class OnTime(Script):
    """A script that is told the time with each call."""

    def __init__(self, redis: Redis, keys: Keys, clock: SteppedClock, *names: str) -> None:
        text = lua("proxy.governor", *names)
        assert "redis.call('TIME')" in text
        super().__init__(redis, keys, text.replace("redis.call('TIME')", "{ARGV[#ARGV - 1], ARGV[#ARGV]}"))
        self._clock = clock

    async def __call__(self, keys: Sequence[str], args: Sequence[Any]) -> Any:
        milliseconds = round(self._clock.seconds * 1000)
        return await super().__call__(keys, [*args, milliseconds // 1000, milliseconds % 1000 * 1000])


@dataclass(frozen=True, slots=True)
class Window:
    """One window of Cal.com: when it opened, and who took how much of it."""

    opened: float
    ours: int
    theirs: int


@dataclass
class Soak(Fleet):
    """A fleet that always has bookings waiting in every process, whose processes are killed now and then."""

    limits: Limits = field(default_factory=Limits)
    processes: int = 6
    seed: int = 1
    other: Other | None = None

    def __post_init__(self) -> None:
        self.dice = Random(self.seed)
        super().__post_init__()
        self.counted = Counted(self.clock, self.seed)
        self.killed = 0
        self._heads = [START] * self.processes
        for number in range(self.processes):
            self.later(0, self._asks(number, self.limiters[number]))
        for purpose, rate in LOWER.items():
            self._now_and_then(purpose, rate)
        self.later(self.dice.uniform(0.5, 1.5) * KILL_EVERY_SECONDS, self._kill)
        if self.other is not None:
            self._somebody_else(self.other(Random(self.seed)))

    def process(self) -> Limiter:
        clock = Skewed(self.clock, self.dice.uniform(-SKEW_SECONDS, SKEW_SECONDS))
        limiter = Limiter(self.redis, self.keys, self.limits, clock)
        limiter._permit = OnTime(self.redis, self.keys, self.clock, "memory", "aside", "answered", "permit")
        limiter._block = OnTime(self.redis, self.keys, self.clock, "block")
        limiter._told = OnTime(self.redis, self.keys, self.clock, "answered", "told")
        return limiter

    async def set(self, now: float) -> None:
        self.clock.seconds = now

    def arrive(self, hears: Limiter | None, grant: Grant, answer: float) -> None:
        if hears not in self.limiters and self.dice.random() < 0.5:
            # Killed between the leave for it and the call.
            return
        allowed, left, reset = self.counted.hit(ours=True)
        shows, told = self.counted.shows(), Told("default", LIMIT, left, float(reset))

        async def hear() -> None:
            self.counted.answered(shows)
            # Who was killed meanwhile hears nothing.
            if hears in self.limiters:
                await (hears.told(grant, [told]) if allowed else hears.blocked(KEY, [told]))

        self.later(answer, hear)

    async def _ask(self, number: int, purpose: Purpose, patience: float) -> Grant | Wait:
        return await self.call(
            number,
            purpose,
            travel=self.dice.uniform(*TRAVEL_SECONDS),
            answer=self.dice.uniform(*ANSWER_SECONDS),
            patience=patience,
        )

    def _asks(self, number: int, process: Limiter) -> Callable[[], object]:
        """One booking after the other, each as soon as the one before has left or was refused."""

        async def ask() -> None:
            if self.limiters[number] is not process:
                return
            patience = max(0.0, self._heads[number] - self.clock.seconds)
            verdict = await self._ask(number, Purpose.BOOKING, patience)
            wait = verdict.seconds if isinstance(verdict, Wait) else 0.0
            if isinstance(verdict, Grant) or wait > patience:
                self._heads[number] = self.clock.seconds + PATIENCE_SECONDS
            self.later(min(wait, 1.0) if wait > patience else wait, ask)

        return ask

    def _now_and_then(self, purpose: Purpose, rate: float) -> None:
        async def ask() -> None:
            await self._ask(self.dice.randrange(self.processes), purpose, 0.0)
            self._now_and_then(purpose, rate)

        self.later(self.dice.expovariate(rate), ask)

    def _kill(self) -> None:
        """One dies; what it asked for and did not make is lost, and another takes its place."""
        number = self.dice.randrange(self.processes)
        self.limiters[number] = self.process()
        self.killed += 1
        self.later(0, self._asks(number, self.limiters[number]))
        self.later(self.dice.uniform(0.5, 1.5) * KILL_EVERY_SECONDS, self._kill)

    def _somebody_else(self, steps: Steps) -> None:
        seconds, calls = next(steps)

        def happen() -> None:
            reset = 0
            if calls:
                allowed, _, reset = self.counted.hit(ours=False)
                reset = 0 if allowed else reset
            # Who is refused waits.
            self.later(reset, lambda: self._somebody_else(steps))

        self.later(seconds, happen)


@dataclass(frozen=True, slots=True)
class Seen:
    """What an act showed, between two moments."""

    name: str
    tally: Tally
    killed: int
    since: float
    until: float

    @property
    def has_other(self) -> bool:
        return bool(self.tally.theirs)

    @property
    def used(self) -> float:
        """As in `calgate loadtest budget`: the part that arrived of two calls a second, less what others took."""
        ours, theirs = (
            sum(self.since <= at < self.until for at in of) for of in (self.tally.ours, self.tally.theirs)
        )
        return ours / ((self.until - self.since) * LIMIT / WINDOW - theirs)

    @property
    def blocks_by_us(self) -> int:
        """Alone all of them; beside others those in whose window we went on although we could have known."""
        return sum(went_on or not self.has_other for _, went_on in self.tally.blocks)

    def windows(self) -> list[Window]:
        """Those of Cal.com that were over in time, without blocks."""
        hits = sorted([(at, True) for at in self.tally.ours] + [(at, False) for at in self.tally.theirs])
        found: list[Window] = []
        for at, is_ours in hits:
            if not found or at >= found[-1].opened + WINDOW:
                found.append(Window(at, 0, 0))
            last = found[-1]
            found[-1] = Window(last.opened, last.ours + is_ours, last.theirs + (not is_ours))
        return [one for one in found if self.since <= one.opened < self.until - WINDOW]

    def broken(self, least: float) -> list[str]:
        """The promises that were not kept, *least* being the part that must be used."""
        in_window, in_second = most_in(self.tally.ours, WINDOW), most_in(self.tally.ours, 1.0)
        broken = []
        if in_window > LIMIT:
            broken.append(f"{in_window} in 60 s")
        if in_second > Limits().pace:
            broken.append(f"{in_second} in a second")
        if self.name in LEAST and self.blocks_by_us:
            broken.append(f"{self.blocks_by_us} blocks by us")
        if self.used < least:
            broken.append(f"only {self.used:.2%} used")
        return broken

    def text(self) -> str:
        """One line of figures."""
        windows = [one for one in self.windows() if one.ours + one.theirs <= LIMIT]
        both = [one for one in windows if one.theirs]
        left = sum(LIMIT - one.ours - one.theirs for one in both) / max(1, len(both))
        gaps = sorted(
            b.opened - a.opened - WINDOW for a, b in pairwise(windows) if b.opened - a.opened < 1.5 * WINDOW
        )
        most = f"at most {most_in(self.tally.ours, 1.0)} in a second and {most_in(self.tally.ours, WINDOW)} in 60 s"
        return (
            f"{self.name}: {len(self.windows())} windows ({len(both)} with others), {self.used:.2%} used, "
            f"{len(self.tally.blocks)} blocks, {self.blocks_by_us} by us, {most}, {self.killed} killed; "
            f"beside others {left:.1f} unused in a window, {sum(gaps) / max(1, len(gaps)):.2f} s between two"
        )


async def play(redis: Redis, name: str, seconds: float, seed: int, tell: Callable[[str], object]) -> Seen:
    """One act of so many seconds; tells every hour."""
    await redis.flushall()
    soak = Soak(redis, Keys("soak"), seed=seed, other=OTHERS[name])
    since, until = START + CYCLE, START + CYCLE + seconds
    while soak.clock.seconds < until:
        await soak.move(min(3_600.0, until - soak.clock.seconds))
        seen = Seen(name, soak.counted.tally, soak.killed, since, soak.clock.seconds)
        if soak.clock.seconds < until:
            tell(f"{(soak.clock.seconds - START) / 3600:.0f} h {seen.text()}")
    return seen


@asynccontextmanager
async def own_redis() -> AsyncIterator[Redis]:
    """A real one, for as long as the body runs."""
    with tempfile.TemporaryDirectory(prefix="cg-") as folder:
        async with EmbeddedRedis(Path(folder)) as server:
            redis = connect(server.url, client_name="soaking")
            with dying_with_us(server.pid):
                yield redis
            await redis.aclose()


async def soak(hours: float, seed: int, names: Sequence[str]) -> int:
    """All acts, one after the other; how many broke a promise."""
    broke = 0
    async with own_redis() as redis:
        for name in names:
            seen = await play(redis, name, round(hours * 3600 / CYCLE) * CYCLE, seed, _say)
            broken = seen.broken(LEAST.get(name, 0.0))
            broke += bool(broken)
            _say(f"{seen.text()}; {'broken: ' + ', '.join(broken) if broken else 'kept'}")
    return broke


def _say(line: str) -> None:
    print(line, flush=True)


def main() -> None:
    """As the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.proxy.governor.soaking")
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=OTHERS, action="append")
    orders = parser.parse_args()
    sys.exit(asyncio.run(soak(orders.hours, orders.seed, orders.only or list(OTHERS))) > 0)


if __name__ == "__main__":
    main()
