"""Time as an argument: the one module that reads real clocks."""

import asyncio
import heapq
import itertools
import time
from typing import Protocol

# A woken task usually goes to sleep again within a few turns of the loop; this many let a whole
# chain of them (gather, queue, lock) settle before the fake time moves on.
_TURNS_TO_SETTLE = 50


class Clock(Protocol):
    """What anything that measures, dates or waits is given."""

    def now(self) -> float:
        """Unix seconds; may step when the system clock is set."""
        ...

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never steps back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds` of this clock's monotonic time, at once (one turn) when not positive."""
        ...


class SystemClock:
    """The machine's clocks and the running event loop's timers."""

    __slots__ = ()

    # As they are: a frame of ours around each would be a tenth of what a cached answer costs.
    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))

    def __repr__(self) -> str:
        return "SystemClock()"


class FakeClock:
    """A clock that moves only when told: the tests' clock.

    `advance` wakes sleepers one after another in the order of their deadlines (ties: first come), each at
    exactly its own instant, and lets the woken tasks run before the time moves on.
    """

    def __init__(self, start: float = 1_800_000_000.0) -> None:
        self._now = start
        self._monotonic = 1_000.0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    @property
    def sleepers(self) -> int:
        """How many tasks sleep on this clock."""
        return sum(not future.done() for _, _, future in self._sleepers)

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._monotonic + seconds, next(self._order), future))
        await future

    async def advance(self, seconds: float) -> None:
        """Move both readings on by `seconds`, waking every sleeper whose time comes."""
        if seconds < 0:
            raise ValueError(f"a clock cannot be advanced by {seconds} s; step() sets the wall clock back")
        await self.settle()
        target = self._monotonic + seconds
        while self._sleepers and self._sleepers[0][0] <= target:
            deadline, _, future = heapq.heappop(self._sleepers)
            self._move_to(max(deadline, self._monotonic))
            if not future.done():  # a cancelled sleeper has gone already
                future.set_result(None)
                await self.settle()
        self._move_to(target)

    def step(self, seconds: float) -> None:
        """Set the wall clock on or back, as an administrator or NTP does; nobody wakes."""
        self._now += seconds

    async def settle(self) -> None:
        """Let tasks that can run do so, without any time passing."""
        for _ in range(_TURNS_TO_SETTLE):
            await asyncio.sleep(0)

    def _move_to(self, monotonic: float) -> None:
        self._now += monotonic - self._monotonic
        self._monotonic = monotonic

    def __repr__(self) -> str:
        return f"FakeClock(now={self._now}, monotonic={self._monotonic}, sleepers={self.sleepers})"
