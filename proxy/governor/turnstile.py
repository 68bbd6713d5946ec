"""Where calls wait for their turn: one line per payer in each process, the highest class and the earliest
deadline first, and one that asks for all of it."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
from dataclasses import dataclass, replace
from typing import Final

from redis.exceptions import RedisError

from core.clock import Clock
from core.tasks import either, spawn
from proxy.governor.limiter import Grant, Limiter, Payer, Wait
from proxy.governor.purpose import Purpose

_AT_ONCE: Final = 0.0


@dataclass(slots=True, eq=False)
class Waiter:
    """One call that waits. Ordered by class, then deadline (monotonic), then arrival."""

    rank: int
    deadline: float
    number: int
    purpose: Purpose
    answer: asyncio.Future[Grant | Wait]

    def __lt__(self, other: Waiter) -> bool:
        return (self.rank, self.deadline, self.number) < (other.rank, other.deadline, other.number)


class Line:
    """The calls that wait for one payer's allowance, best first. Pure: it is told what time it is.

    `told` is what was said the last time, `ask_at` when it makes sense to ask again for the head.
    """

    def __init__(self, told: Wait) -> None:
        self._waiters: list[Waiter] = []
        self.ask_at = _AT_ONCE
        self.told = told
        self.changed = asyncio.Event()

    def __len__(self) -> int:
        self._drop_gone()
        return len(self._waiters)

    @property
    def head(self) -> Waiter | None:
        """Whose turn is next."""
        self._drop_gone()
        return self._waiters[0] if self._waiters else None

    def join(self, waiter: Waiter, *, ask_at: float) -> None:
        """Wait in line; a new head is asked for at *ask_at*."""
        heapq.heappush(self._waiters, waiter)
        if self.head is waiter:
            self.ask_at = ask_at
        # Even one at the end may learn at once that waiting is no use.
        self.changed.set()

    def take(self, rank: int) -> Waiter | None:
        """The head, if what was granted to a class of *rank* is good enough for it."""
        head = self.head
        if head is None or head.rank > rank:
            return None
        return heapq.heappop(self._waiters)

    def hopeless(self, now: float) -> list[Waiter]:
        """Take out everybody whose time is over, or ends before the head's turn in the head's own class."""
        head = self.head
        if head is None:
            return []
        lost: list[Waiter] = []
        kept: list[Waiter] = []
        for one in self._waiters:
            is_lost = one.deadline <= now or (one.rank == head.rank and one.deadline < self.ask_at)
            (lost if is_lost else kept).append(one)
        if lost:
            heapq.heapify(kept)
            self._waiters = kept
            # Another class has another turn.
            if self.head is not None and self.head.rank != head.rank:
                self.ask_at = now
        return lost

    def next_event(self) -> float:
        """When there is something to do: a question, or a wait that is over."""
        return min([self.ask_at, *(one.deadline for one in self._waiters)])

    def empty(self) -> list[Waiter]:
        """Take everybody out."""
        waiters, self._waiters = self._waiters, []
        return waiters

    def _drop_gone(self) -> None:
        while self._waiters and self._waiters[0].answer.done():
            heapq.heappop(self._waiters)


class Turnstile:
    """The way to a grant for one process."""

    def __init__(self, limiter: Limiter, clock: Clock) -> None:
        self._limiter = limiter
        self._clock = clock
        self._lines: dict[Payer, Line] = {}
        self._numbers = itertools.count()

    async def enter(
        self, payer: Payer, purpose: Purpose, *, patience: float, may_share: bool = False
    ) -> Grant | Wait:
        """Leave for one call, waited for up to *patience* seconds; a `Wait` when that is too short.

        It says so as soon as that is known. A call that *may_share* is paid out of this process's share once Redis
        has been gone for long enough. Raises RedisError.
        """
        deadline = self._clock.monotonic() + patience
        while may_share and self._limiter.is_alone:
            answer = self._limiter.ask_alone(payer, purpose)
            if isinstance(answer, Grant) or self._clock.monotonic() + answer.seconds > deadline:
                return answer
            await self._clock.sleep(answer.seconds)
        line, ask_at = self._lines.get(payer), _AT_ONCE
        if line is None:
            # Nobody waits here, so nobody is overtaken.
            answer = await self._limiter.ask(
                payer, purpose, patience=max(0.0, deadline - self._clock.monotonic())
            )
            now = self._clock.monotonic()
            if isinstance(answer, Grant) or now + answer.seconds > deadline:
                return answer
            ask_at = now + answer.seconds
            line = self._lines.get(payer)
            if line is None:
                line = self._lines[payer] = Line(answer)
                spawn(self._serve(payer, line), name="turnstile")
        future: asyncio.Future[Grant | Wait] = asyncio.get_running_loop().create_future()
        line.join(Waiter(purpose.rank, deadline, next(self._numbers), purpose, future), ask_at=ask_at)
        return await self._turn(future)

    async def _turn(self, future: asyncio.Future[Grant | Wait]) -> Grant | Wait:
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                granted = future.result()
                if isinstance(granted, Grant):
                    spawn(self._limiter.give_back(granted), name="give-back")
            raise

    async def _serve(self, payer: Payer, line: Line) -> None:
        """Ask for the head as long as there is one."""
        try:
            while len(line):
                line.changed.clear()
                self._refuse_hopeless(line)
                head = line.head
                now = self._clock.monotonic()
                if head is None:
                    break
                if now < line.ask_at:
                    # Until then, or until somebody comes who goes first.
                    await either(self._clock.sleep(line.next_event() - now), line.changed.wait())
                    continue
                await self._ask(payer, line, head)
        except BaseException as error:
            for waiter in line.empty():
                if not waiter.answer.done():
                    waiter.answer.set_exception(
                        error if isinstance(error, RedisError) else RedisError("the line broke")
                    )
            if not isinstance(error, RedisError):
                raise
        finally:
            del self._lines[payer]
        with contextlib.suppress(RedisError):
            await self._limiter.leave_line(payer)

    async def _ask(self, payer: Payer, line: Line, head: Waiter) -> None:
        patience = head.deadline - self._clock.monotonic()
        answer = await self._limiter.ask(payer, head.purpose, patience=patience, waiting=len(line))
        if isinstance(answer, Wait):
            line.told = answer
            if line.head is head:
                line.ask_at = self._clock.monotonic() + answer.seconds
            return
        # Somebody better may have come meanwhile, or the head may have gone.
        lucky = line.take(head.rank)
        if lucky is None:
            await self._limiter.give_back(answer)
        else:
            lucky.answer.set_result(answer)
        line.ask_at = self._clock.monotonic()

    def _refuse_hopeless(self, line: Line) -> None:
        now = self._clock.monotonic()
        refusal = replace(line.told, seconds=max(0.0, line.ask_at - now))
        for waiter in line.hopeless(now):
            if not waiter.answer.done():
                waiter.answer.set_result(refusal)
