"""A circuit breaker as a state machine: time comes in as an argument, nothing here waits or calls.

Only failures of the upstream count. A refusal (4xx), a rate limit (429: a schedule, not a fault) and a caller
that went away say nothing about its health and must not be recorded at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class Pass:
    """Leave to call. `generation` ties the outcome to the stay in a state it began in."""

    generation: int
    is_probe: bool


@dataclass(frozen=True, slots=True)
class Refusal:
    """The circuit is open; `retry_after` seconds until a probe may go."""

    retry_after: float


class Breaker:
    """Opens after *failures* in a row, lets one probe through after *open_seconds*.

    >>> breaker = Breaker(failures=1, open_seconds=10)
    >>> permit = breaker.enter(now=0)
    >>> breaker.record(permit, ok=False, now=0)
    >>> breaker.enter(now=4)
    Refusal(retry_after=6)
    """

    def __init__(self, *, failures: int, open_seconds: float) -> None:
        self._failures_to_open = failures
        self._open_seconds = open_seconds
        self._generation = 0
        self._state = State.CLOSED
        self._in_a_row = 0
        self._opened_at = 0.0
        self._probing = False

    @property
    def state(self) -> State:
        return self._state

    @property
    def generation(self) -> int:
        """Grows with every change of state."""
        return self._generation

    def enter(self, now: float) -> Pass | Refusal:
        """Ask to make one call; every `Pass` must come back through `record` or `release`."""
        if self._state is State.CLOSED:
            return Pass(self._generation, is_probe=False)
        left = self._opened_at + self._open_seconds - now
        if self._state is State.OPEN and left <= 0:
            self._move(State.HALF_OPEN)
        if self._state is State.HALF_OPEN and not self._probing:
            self._probing = True
            return Pass(self._generation, is_probe=True)
        # While a probe is out its outcome is not known; a second is the least honest thing to say.
        return Refusal(left if left > 0 else 1.0)

    def record(self, permit: Pass, *, ok: bool, now: float) -> None:
        """Report the outcome of a call."""
        if permit.generation != self._generation:
            # The call began before the last transition; its outcome says nothing about now.
            return
        if permit.is_probe:
            self._probing = False
            if ok:
                self._move(State.CLOSED)
            else:
                self._open(now)
        elif ok:
            self._in_a_row = 0
        else:
            self._in_a_row += 1
            if self._in_a_row >= self._failures_to_open:
                self._open(now)

    def release(self, permit: Pass) -> None:
        """Give a pass back without an outcome: refused, cancelled, never sent."""
        if permit.is_probe and permit.generation == self._generation:
            self._probing = False

    def _open(self, now: float) -> None:
        self._opened_at = now
        self._move(State.OPEN)

    def _move(self, state: State) -> None:
        self._state = state
        self._generation += 1
        self._in_a_row = 0
        self._probing = False

    def __repr__(self) -> str:
        return f"Breaker({self._state}, failures in a row: {self._in_a_row})"
