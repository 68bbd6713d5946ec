"""A circuit breaker as a state machine: time comes in as an argument, nothing here waits or calls.

Only failures of the upstream count. A refusal (4xx), a rate limit (429: a schedule, not a fault) and a caller
that went away say nothing about its health and must not be recorded at all.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from proxy.breaker.evidence import Evidence

# Nobody knows how long a probe will take; whoever asks meanwhile is told the least that is honest.
PROBE_OUT_SECONDS: Final = 1.0

_SPREAD: Final = 0.2
_MOST_DOUBLINGS: Final = 30


class State(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class Terms:
    """When to open and for how long. An answer that took *slow* seconds or more is a slow one; 0: none is.

    `failures` in a row are an outage in a quiet time (evidence.py). It stays open for `open_seconds`, twice as long
    after each probe that failed, at most for `longest` seconds.
    """

    failures: int = 5
    open_seconds: float = 10.0
    longest: float = 30.0
    slow: float = 0.0

    def open_for(self, opens: int, luck: float) -> float:
        """Seconds until the next probe, having opened *opens* times without success; *luck* is from [0, 1)."""
        doubled = self.open_seconds * 2.0 ** min(opens - 1, _MOST_DOUBLINGS)
        return min(doubled, self.longest) * (1 - _SPREAD * luck)


@dataclass(frozen=True, slots=True)
class Pass:
    """Leave to call. `generation` ties the outcome to the stay in a state it began in."""

    generation: int
    is_probe: bool


@dataclass(frozen=True, slots=True)
class Refusal:
    """The circuit is open; `retry_after` seconds until a probe may go."""

    retry_after: float


@dataclass(frozen=True, slots=True)
class Knock:
    """The open time is over: whoever has this finds out whether the probe is theirs, and says so to the breaker."""

    generation: int


@dataclass(frozen=True, slots=True)
class Failure:
    """A call that failed, as other processes are told of it.

    `passed` calls succeeded in its process since the one before, the last of them `quiet` seconds ago.
    """

    passed: int
    quiet: float


class Breaker:
    """One process's breaker of one endpoint class.

    >>> breaker = Breaker(Terms(failures=1, open_seconds=10), luck=lambda: 0.0)
    >>> permit = breaker.enter(now=0)
    >>> breaker.record(permit, ok=False, now=0)
    Failure(passed=0, quiet=0)
    >>> breaker.enter(now=4)
    Refusal(retry_after=6.0)
    """

    def __init__(self, terms: Terms, *, luck: Callable[[], float] = random.random) -> None:
        self._terms = terms
        self._luck = luck
        self._slow = terms.slow
        self._failing = Evidence(failures=terms.failures)
        self._slowing = Evidence(failures=terms.failures)
        self._generation = 0
        self._state = State.CLOSED
        self._pass = Pass(0, is_probe=False)
        self._opens = 0
        self._until = 0.0
        self._knock: Knock | None = None
        self._passed = 0
        self._passed_at = 0.0
        self._suspected_at = 0.0

    @property
    def state(self) -> State:
        return self._state

    @property
    def generation(self) -> int:
        """Grows with every change of state."""
        return self._generation

    @property
    def opens(self) -> int:
        """How often it has opened since it was last closed."""
        return self._opens

    def left(self, now: float) -> float:
        """Seconds until the open time is over."""
        return self._until - now

    def enter(self, now: float) -> Pass | Refusal | Knock:
        """Ask to make one call.

        Every `Pass` must come back through `record` or `release`, every `Knock` through `grant` or `deny`.
        """
        if self._state is State.CLOSED:
            return self._pass
        if self._state is State.OPEN:
            if now < self._until:
                return Refusal(self._until - now)
            if self._knock is None:
                self._knock = Knock(self._generation)
                return self._knock
        return Refusal(PROBE_OUT_SECONDS)

    def grant(self, knock: Knock) -> Pass | None:
        """The probe is this process's; `None` if something has changed since it knocked."""
        if knock is not self._knock:
            return None
        self._move(State.HALF_OPEN)
        return Pass(self._generation, is_probe=True)

    def deny(self, knock: Knock, *, now: float, seconds: float = 0.0) -> None:
        """The probe is another's, or nobody's any more: knock again in so many seconds."""
        if knock is self._knock:
            self._knock = None
            self._until = now + seconds

    def record(self, permit: Pass, *, ok: bool, now: float, seconds: float = 0.0) -> Failure | None:
        """Report the outcome of a call that took *seconds*; what other processes shall hear of it, if anything."""
        if permit.generation != self._generation:
            # The call began before the last transition; its outcome says nothing about now.
            return None
        if permit.is_probe:
            if ok:
                self._close()
            else:
                self.reopen(now)
            return None
        if ok:
            self._failing.passed()
            self._passed += 1
            self._passed_at = now
            if seconds < self._slow:
                self._slowing.passed()
            elif self._slow:
                self._judge_slow(now)
            return None
        told = Failure(self._passed, now - self._passed_at if self._passed_at else now)
        self._passed = 0
        self._suspect(now, elsewhere=False)
        if self._failing.is_enough:
            self.reopen(now)
        return told

    def release(self, permit: Pass, *, now: float) -> None:
        """Give a pass back without an outcome: refused, cancelled, never sent. The next may probe at once."""
        if permit.is_probe and permit.generation == self._generation:
            self._until = now
            self._move(State.OPEN)

    def hear(self, failure: Failure, *, now: float) -> None:
        """A call failed in another process. It weighs like one of ours, but only one of ours opens the circuit."""
        if self._state is not State.CLOSED:
            return
        if failure.passed and (not self._failing.is_any or now - failure.quiet > self._suspected_at):
            # What succeeded before the failures began says nothing about them.
            self._failing.passed(failure.passed)
        self._suspect(now, elsewhere=True)

    def reopen(self, now: float) -> None:
        """Open, for longer than the last time."""
        self._opens += 1
        self._until = now + self._terms.open_for(self._opens, self._luck())
        self._move(State.OPEN)

    def open_as_told(self, *, until: float, opens: int) -> None:
        """The fleet has opened it until then."""
        self._opens = opens
        self._until = until
        self._move(State.OPEN)

    def close_as_told(self) -> None:
        """A probe of another process succeeded."""
        self._close()

    def _suspect(self, now: float, *, elsewhere: bool) -> None:
        if not self._failing.is_any:
            self._suspected_at = now
        self._failing.failed(elsewhere=elsewhere)

    def _judge_slow(self, now: float) -> None:
        self._slowing.failed()
        if self._slowing.is_enough:
            self.reopen(now)

    def _close(self) -> None:
        self._opens = 0
        self._move(State.CLOSED)

    def _move(self, state: State) -> None:
        if self._state is State.CLOSED:
            self._failing.reset()
            self._slowing.reset()
            self._passed = 0
        self._state = state
        self._generation += 1
        self._pass = Pass(self._generation, is_probe=False)
        self._knock = None

    def __repr__(self) -> str:
        return f"Breaker({self._state}, {self._failing})"
