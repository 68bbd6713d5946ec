"""The simulator's clock: the one place in it that reads real time, and scales all of it alike."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta


class SimClock:
    """Simulated time: `start` plus `speed` times the real time elapsed, plus whatever was added by hand.

    `start` None begins at the real present. `speed` must be above zero; 60 makes a minute pass in a second.
    To be used from one thread: that of the event loop its sleepers run in.
    """

    def __init__(self, start: datetime | None = None, speed: float = 1.0) -> None:
        if speed <= 0:
            raise ValueError(f"speed is {speed}; it must be above 0 (freeze() stops the clock)")
        if start is not None and start.tzinfo is None:
            raise ValueError("start has no time zone; give an aware datetime, e.g. 2026-01-05T09:00:00+00:00")
        self.speed = speed
        self._origin = (start or datetime.now(UTC)).astimezone(UTC)
        self._begun = time.monotonic()
        self._frozen_at: float | None = None
        self._added = 0.0
        self._skew = 0.0
        self._sleepers: set[asyncio.Future[None]] = set()

    def __repr__(self) -> str:
        frozen = ", frozen" if self._frozen_at is not None else ""
        return f"SimClock({self.now().isoformat()}, speed={self.speed:g}, skew={self._skew:g}s{frozen})"

    def now(self) -> datetime:
        """The simulated instant, aware UTC."""
        real = time.monotonic() if self._frozen_at is None else self._frozen_at
        passed = (real - self._begun) * self.speed
        return self._origin + timedelta(seconds=passed + self._added + self._skew)

    def real_seconds(self, simulated: float) -> float:
        """How long `simulated` seconds last in real seconds."""
        return simulated / self.speed

    async def sleep(self, simulated_seconds: float) -> None:
        """Wait until that much simulated time has passed; a frozen clock waits until it moves again."""
        due = self.now() + timedelta(seconds=simulated_seconds)
        while (left := (due - self.now()).total_seconds()) > 0:
            moved = asyncio.get_running_loop().create_future()
            self._sleepers.add(moved)
            try:
                timeout = None if self._frozen_at is not None else self.real_seconds(left)
                await asyncio.wait({moved}, timeout=timeout)
            finally:
                self._sleepers.discard(moved)

    def freeze(self) -> None:
        """Stop; `advance` still moves it. Freezing twice is freezing once."""
        if self._frozen_at is None:
            self._frozen_at = time.monotonic()
            self._jumped()

    def unfreeze(self) -> None:
        """Go on from where it stopped."""
        if self._frozen_at is not None:
            self._begun += time.monotonic() - self._frozen_at
            self._frozen_at = None
            self._jumped()

    def advance(self, seconds: float) -> None:
        """Jump ahead. Time already given out never returns: `seconds` may not be negative."""
        if seconds < 0:
            raise ValueError(f"cannot advance by {seconds} seconds; skew() sets a clock back")
        self._added += seconds
        self._jumped()

    def skew(self, seconds: float) -> None:
        """Make the clock wrong by `seconds` (either sign, replaces the former skew)."""
        self._skew = seconds
        self._jumped()

    def _jumped(self) -> None:
        """Sleepers reckon anew: what they wait for in real seconds is another number now."""
        for sleeper in self._sleepers:
            if not sleeper.done():
                sleeper.set_result(None)
