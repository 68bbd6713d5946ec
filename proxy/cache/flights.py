"""Coalescing inside one process: one fetch for everyone who asks for the same thing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from core.tasks import spawn

T = TypeVar("T")


class Flight(Generic[T]):
    """One fetch, waiting for its start or under way.

    `good_for` is the newest generation it is certain to reflect; while it waits only the oldest it
    will settle for.
    """

    def __init__(self, wanted: int, landed: asyncio.Future[T]) -> None:
        self.good_for = wanted
        self.waiting = True
        self.landed = landed

    def start(self, good_for: int) -> None:
        """From now on it takes aboard only who is content with *good_for*."""
        self.good_for = good_for
        self.waiting = False

    def __repr__(self) -> str:
        return f"Flight(good_for={self.good_for}, {'waiting' if self.waiting else 'under way'})"


class Flights(Generic[T]):
    """At most one fetch per key that a caller may use.

    The flight has a task of its own: a caller that goes away, even the first, cancels nothing. A caller
    of a newer generation never takes an older answer, because that one may have been asked for before
    the write the caller must see.
    """

    def __init__(self) -> None:
        self._flights: dict[str, Flight[T]] = {}

    def __len__(self) -> int:
        return len(self._flights)

    async def board(
        self, key: str, generation: int, fetch: Callable[[Flight[T]], Awaitable[T]]
    ) -> tuple[T, bool]:
        """The result of a fetch good for *generation*, and whether it was somebody else's.

        *fetch* is given its flight, must `start` it when it asks, and raises what every passenger shall see.
        """
        while True:
            flight = self._flights.get(key)
            joined = flight is not None and (flight.waiting or flight.good_for >= generation)
            if flight is None or not joined:
                flight = Flight(generation, asyncio.get_running_loop().create_future())
                self._flights[key] = flight
                spawn(self._fly(key, flight, fetch), name="cache.fetch")
            result = await asyncio.shield(flight.landed)
            if flight.good_for >= generation:
                return result, joined
            # Boarded while it waited, but it could not wait for this generation: take the next.

    async def _fly(self, key: str, flight: Flight[T], fetch: Callable[[Flight[T]], Awaitable[T]]) -> None:
        landed = flight.landed
        try:
            landed.set_result(await fetch(flight))
        except asyncio.CancelledError:
            landed.cancel()
            raise
        except Exception as error:  # noqa: BLE001  # handed on, not swallowed
            # The passengers' to handle; with none left it is nobody's.
            landed.set_exception(error)
            landed.exception()
        finally:
            # A newer flight may have taken the place; it is not this one's to clear.
            if self._flights.get(key) is flight:
                del self._flights[key]
