"""Coalescing inside one process: one fetch for everyone who asks for the same thing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from core.tasks import spawn

T = TypeVar("T")


class Flight(Generic[T]):
    """One fetch under way. `good_for` is the newest generation it is certain to reflect."""

    def __init__(self, good_for: int) -> None:
        self.good_for = good_for
        self.passengers = 0
        self.task: asyncio.Task[T] | None = None

    def __repr__(self) -> str:
        return f"Flight(good_for={self.good_for}, passengers={self.passengers})"


class Flights(Generic[T]):
    """At most one fetch per key that a caller may use.

    The flight's task owns the fetch, not the caller who came first: a caller that goes away cancels
    nothing. A caller of a newer generation never boards an older flight, because that one may have
    asked before the write the caller must see.
    """

    def __init__(self) -> None:
        self._flights: dict[str, Flight[T]] = {}

    def __len__(self) -> int:
        return len(self._flights)

    async def board(
        self, key: str, generation: int, fetch: Callable[[Flight[T]], Awaitable[T]]
    ) -> tuple[T, bool]:
        """The result of a fetch good for *generation*, and whether it was somebody else's.

        *fetch* is called with its flight and raises what every passenger shall see.
        """
        flight = self._flights.get(key)
        joined = flight is not None and flight.good_for >= generation
        if flight is None or not joined:
            flight = Flight(generation)
            self._flights[key] = flight
            flight.task = spawn(self._fly(key, flight, fetch), name="cache.fetch")
        assert flight.task is not None
        flight.passengers += 1
        try:
            return await asyncio.shield(flight.task), joined
        finally:
            flight.passengers -= 1

    async def _fly(self, key: str, flight: Flight[T], fetch: Callable[[Flight[T]], Awaitable[T]]) -> T:
        try:
            return await fetch(flight)
        finally:
            # A newer flight may have taken the place; it is not this one's to clear.
            if self._flights.get(key) is flight:
                del self._flights[key]
