"""How many calls to Cal.com one process has in hand, and who makes way when these are too many.

A call is in hand from its asking until Cal.com's answer begins. All that waits for a call (lines, flights, requests)
is bounded by this and by the number of connections; an answer from the cache needs no place.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeVar

from proxy.governor.purpose import Purpose, Reserves
from proxy.refusals import Overloaded

T = TypeVar("T")

_COME_BACK_SECONDS: Final = 1.0


class Watcher(Protocol):
    """Is told how many calls are in hand, and which were refused a place or had to give it up."""

    def in_hand(self, calls: int) -> None: ...

    def shed(self, purpose: Purpose, how: str) -> None: ...


@dataclass(slots=True, eq=False)
class Place:
    """One call's place in the room."""

    room: Room = field(repr=False)
    purpose: Purpose
    number: int
    is_lost: bool = False
    task: asyncio.Task[object] | None = field(default=None, repr=False)

    async def waits(self, leave: Awaitable[T]) -> T:
        """What *leave* returns; meanwhile a more important call may take the place.

        Raises Overloaded when one does: *leave* is cancelled then, and nothing has left.
        """
        task = asyncio.current_task()
        assert task is not None
        cancelled_before = task.cancelling()
        self.task = task
        self.room.may_yield(self)
        try:
            return await leave
        except asyncio.CancelledError:
            # The caller's own cancellation, if there was one too, goes first.
            if not self.is_lost or task.uncancel() > cancelled_before:
                raise
            raise Overloaded(retry_after=_COME_BACK_SECONDS) from None
        finally:
            self.room.stays(self)


class Room:
    """The places of one process. Each class may fill as much of them as it may of the budget."""

    def __init__(self, places: int, reserves: Reserves, watcher: Watcher) -> None:
        self._watcher = watcher
        self._open = {one: places - places * reserves.kept_from(one) // 100 for one in Purpose}
        self._yielding: list[dict[int, Place]] = [{} for _ in Purpose]
        self._numbers = itertools.count()
        self.in_hand = 0

    def __repr__(self) -> str:
        return f"Room({self.in_hand} in hand, {sum(map(len, self._yielding))} may yield)"

    @contextlib.contextmanager
    def place(self, purpose: Purpose) -> Iterator[Place]:
        """A place for the body. Raises Overloaded when there is none, and nobody less important who could yield."""
        place = self.enter(purpose)
        try:
            yield place
        finally:
            self.leave(place)

    def enter(self, purpose: Purpose) -> Place:
        """Take a place, of somebody less important if need be: of the lowest class there, whoever came last."""
        if self.in_hand >= self._open[purpose]:
            lowest = next((one for one in reversed(self._yielding[purpose.rank + 1 :]) if one), None)
            if lowest is None:
                self._watcher.shed(purpose, "refused")
                raise Overloaded(retry_after=_COME_BACK_SECONDS)
            self._evict(lowest.popitem()[1])
        self._count(1)
        return Place(self, purpose, next(self._numbers))

    def leave(self, place: Place) -> None:
        """The call is over."""
        if not place.is_lost:
            self._count(-1)

    def may_yield(self, place: Place) -> None:
        """It waits, and can be made to give up."""
        self._yielding[place.purpose.rank][place.number] = place

    def stays(self, place: Place) -> None:
        """It no longer waits."""
        self._yielding[place.purpose.rank].pop(place.number, None)

    def _evict(self, place: Place) -> None:
        place.is_lost = True
        self._count(-1)
        self._watcher.shed(place.purpose, "evicted")
        if place.task is not None:
            place.task.cancel()

    def _count(self, step: int) -> None:
        self.in_hand += step
        self._watcher.in_hand(self.in_hand)
