"""The breaker's judgement, simulated: a million calls that fail now and then must not open it, an outage must at once.

No process is started and no time passes: the state machine of the gateway is given calls that come at random moments,
and what each of them came to when it was over. Processes hear of each other's failures as they do in a fleet.
"""

from __future__ import annotations

import heapq
import random
import timeit
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from calcom.paths import Breaker as Endpoints
from core.clock import Clock, SystemClock
from core.keys import Keys
from core.redis import connect
from core.settings import Settings
from loadtest.scenarios.report import Gate, Report, Table, Tell, at_most, exactly
from proxy.breaker.board import BreakerBoard
from proxy.breaker.machine import Breaker, Pass, State, Terms
from proxy.breaker.terms import terms_of
from proxy.retries import RetryBudget

_CALLS_PER_SECOND: Final = 2.0
"""The most that 120 calls a minute allow."""

_ERRORS: Final = 0.05
_TRIALS: Final = 500
_LIVED: Final = 2_000
"""Calls before each outage, so that it does not come to a newborn."""

_ENOUGH_CALLS, _ENOUGH_SECONDS = 5, 3.0

Fails = Iterator[bool]
Took = Callable[[random.Random], float]


@dataclass(frozen=True, slots=True)
class Plan:
    """How many calls of each kind of day are simulated."""

    calls: int = 1_000_000
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Day:
    """A kind of day: how calls fail, how long they take, over how many processes they spread."""

    name: str
    fails: Callable[[random.Random], Fails]
    took: Took
    processes: int = 1


def failing(share: float, again: float, dice: random.Random) -> Fails:
    """Whether each call fails: *share* of all, *again* of those right after a failure."""
    first, failed = share * (1 - again) / (1 - share), False
    while True:
        failed = dice.random() < (again if failed else first)
        yield failed


def _usual(dice: random.Random) -> float:
    return dice.uniform(0.3, 0.8)


def _slow_team(dice: random.Random) -> float:
    return dice.uniform(20, 25) if dice.random() < 0.5 else dice.uniform(0.3, 0.8)


def _very_slow_team(dice: random.Random) -> float:
    return dice.uniform(40, 47)


def _at_random(dice: random.Random) -> Fails:
    return failing(_ERRORS, _ERRORS, dice)


def _in_bursts(dice: random.Random) -> Fails:
    return failing(_ERRORS, 0.25, dice)


DAYS: Final = (
    Day("5 % fail at random", _at_random, _usual),
    Day("the same over 4 processes", _at_random, _usual, processes=4),
    Day("5 % fail, in bursts", _in_bursts, _usual),
    Day("5 % fail, half of the calls take 20 to 25 s", _at_random, _slow_team),
    Day("5 % fail, all calls take 40 to 47 s", _at_random, _very_slow_team, processes=4),
)


@dataclass(slots=True)
class Fleet:
    """Processes that share calls and hear of each other's failures."""

    breakers: list[Breaker]
    closes: bool = True
    """Whether one that opens closes at once, as if a probe had succeeded."""
    now: float = 0.0
    opened: int = 0
    _under_way: list[tuple[float, int, int, Pass, bool, float]] = field(default_factory=list)
    _calls: int = 0

    @classmethod
    def of(cls, size: int, terms: Terms) -> Fleet:
        """So many processes."""
        return cls([Breaker(terms) for _ in range(size)])

    def call(self, which: int, *, fails: bool, seconds: float) -> bool:
        """Begin a call now, if it is let through; those that are over by now have ended before."""
        self.end()
        permit = self.breakers[which].enter(self.now)
        is_let = isinstance(permit, Pass)
        if isinstance(permit, Pass):
            self._calls += 1
            heapq.heappush(self._under_way, (self.now + seconds, self._calls, which, permit, fails, seconds))
        return is_let

    def end(self) -> None:
        """End the calls that are over."""
        while self._under_way and self._under_way[0][0] <= self.now:
            at, _, which, permit, fails, seconds = heapq.heappop(self._under_way)
            self._came_to(at, which, permit, fails=fails, seconds=seconds)

    def _came_to(self, at: float, which: int, permit: Pass, *, fails: bool, seconds: float) -> None:
        breaker = self.breakers[which]
        was = breaker.state
        failure = breaker.record(permit, ok=not fails, now=at, seconds=seconds)
        for other in self.breakers:
            if failure is not None and other is not breaker:
                other.hear(failure, now=at)
        if breaker.state is not was:
            self.opened += 1
            if self.closes:
                breaker.close_as_told()


def false_opens(day: Day, terms: Terms, calls: int, seed: int) -> int:
    """How often a breaker opens in so many calls of such a day."""
    dice = random.Random(seed)
    fleet = Fleet.of(day.processes, terms)
    for fails in islice(day.fails(dice), calls):
        fleet.now += dice.expovariate(_CALLS_PER_SECOND)
        fleet.call(dice.randrange(day.processes), fails=fails, seconds=day.took(dice))
    return fleet.opened


@dataclass(frozen=True, slots=True)
class Seen:
    """An outage: calls of clients and calls to Cal.com that failed until it was seen, and seconds."""

    asked: int
    calls: int
    seconds: float

    @property
    def is_late(self) -> bool:
        return self.asked > _ENOUGH_CALLS and self.seconds > _ENOUGH_SECONDS


def outage(background: float, processes: int, terms: Terms, seed: int, *, repeats: bool) -> Seen:
    """Cal.com fails every call after it has served for a while, of which *background* failed; until as many processes
    have seen it as it takes to open for all. A read that *repeats* is tried again while there is budget.
    """
    dice = random.Random(seed)
    fleet = Fleet.of(processes, terms)
    budget = RetryBudget()
    for fails in islice(failing(background, background, dice), _LIVED):
        fleet.now += dice.expovariate(_CALLS_PER_SECOND)
        budget.earn()
        fleet.call(dice.randrange(processes), fails=fails, seconds=0.0)
    fleet.now += dice.expovariate(_CALLS_PER_SECOND)
    fleet.end()
    fleet.opened, fleet.closes = 0, False
    began, asked, calls, needed = fleet.now, 0, 0, min(2, processes)
    while fleet.opened < needed:
        which = dice.randrange(processes)
        budget.earn()
        for number in range(2):
            if not fleet.call(which, fails=True, seconds=0.0):
                break
            fleet.end()
            asked, calls = asked + (number == 0), calls + 1
            if fleet.opened >= needed or not repeats or not budget.take():
                break
        seen = fleet.now - began
        fleet.now += dice.expovariate(_CALLS_PER_SECOND)
    return Seen(asked, calls, seen)


class _Deaf:
    """Counts nothing; what is measured is the breaker."""

    def breaker_moved(self, endpoint: Endpoints, state: State) -> None:
        raise AssertionError(f"{endpoint} became {state}")


def closed_path(clock: Clock) -> float:
    """Microseconds that a call pays while the circuit is closed: to be let through, and to report that it succeeded."""
    redis = connect("redis://127.0.0.1:9/0", client_name="loadtest")
    deaf: Any = _Deaf()
    board = BreakerBoard(redis, Keys("loadtest"), deaf, clock, terms_of(Settings()))

    def one() -> None:
        permit = board.enter(Endpoints.SLOTS)
        assert isinstance(permit, Pass)
        board.record(Endpoints.SLOTS, permit, ok=True, seconds=0.5)
        board.release(Endpoints.SLOTS, permit)

    # The quickest of many: a machine that does other things only makes it slower.
    return min(timeit.repeat(one, number=200, repeat=500)) / 200 * 1e6


def run(plan: Plan, tell: Tell, clock: Clock) -> Report:
    """All days, then outages, then what it costs."""
    began = clock.monotonic()
    terms = terms_of(Settings())[Endpoints.SLOTS]
    opens = {}
    for day in DAYS:
        opens[day.name] = false_opens(day, terms, plan.calls, plan.seed)
        tell(f"{day.name}: {opens[day.name]} false opens in {plan.calls:,} calls")
    rows, gates = [], list[Gate]()
    for name, background, processes, repeats in (
        ("a quiet time", 0.0, 1, False),
        ("5 % failed before", _ERRORS, 1, False),
        ("5 % failed before, reads tried again", _ERRORS, 1, True),
        ("a quiet time, 4 processes, all of them", 0.0, 4, False),
        ("a quiet time, 4 processes, all of them, reads tried again", 0.0, 4, True),
    ):
        seen = [
            outage(background, processes, terms, plan.seed * _TRIALS + number, repeats=repeats)
            for number in range(_TRIALS)
        ]
        late = sum(one.is_late for one in seen)
        most = max(one.calls for one in seen)
        seconds = sorted(one.seconds for one in seen)
        rows.append((name, most, max(one.asked for one in seen), seconds[_TRIALS // 2], seconds[-1], late))
        if background == 0.0 and processes == 1:
            gates.append(at_most(f"calls until an outage is seen, {name}", most, _ENOUGH_CALLS))
        if repeats:
            gates.append(
                at_most(f"outages seen in neither 5 calls nor 3 s, {name}, %", 100 * late / _TRIALS, 1)
            )
        tell(f"outages after {name}: {most} calls at most")
    cost = closed_path(SystemClock())
    return Report(
        scenario="breaker",
        seed=plan.seed,
        seconds=clock.monotonic() - began,
        figures={"calls of each kind of day": plan.calls, "false opens": opens, "closed path, µs": cost},
        gates=[
            *(exactly(f"false opens, {name}", count, 0) for name, count in opens.items()),
            *gates,
            at_most("closed path, µs", cost, 2.0),
        ],
        tables=[
            Table(
                f"An outage, {_TRIALS} times, at {_CALLS_PER_SECOND:g} calls a second, after",
                (
                    "",
                    "calls at most",
                    "of clients",
                    "seconds, P50",
                    "at most",
                    "neither 5 calls nor 3 s",
                ),
                rows,
            )
        ],
    )
