"""Windows that are being looked at are asked for again as soon as a write outdated days of them.

Whoever looks at such a day next would have to wait for Cal.com, and would make the same call. Nobody waits for these,
so they are paid as refreshes are, and what nobody looked at lately is left alone.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from core.clock import Clock
from core.tasks import spawn
from proxy.cache.fetch import Ask

HOT_SECONDS: Final = 30.0
"""How long after a look a window counts as looked at."""

GAP: Final = 1.0
"""Seconds between two fetches of one window: bookings in a row cost one call."""

_MOST: Final = 256

Again = Callable[[Ask, int], Awaitable[None]]
"""Asks for something once more, for whoever must see a generation. Raises nothing."""


class Warm:
    """What one process was asked for lately, and asks for again."""

    def __init__(self, again: Again, clock: Clock) -> None:
        self._again = again
        self._clock = clock
        self._looked: OrderedDict[str, tuple[Ask, float]] = OrderedDict()
        # The generation that is still to be asked for, of those for which somebody is at it.
        self._wanted: dict[str, int] = {}

    def __repr__(self) -> str:
        return f"Warm({len(self._looked)} looked at, {len(self._wanted)} being asked for)"

    def looked(self, ask: Ask) -> None:
        """Somebody was just answered out of this."""
        self._looked[ask.digest] = (ask, self._clock.monotonic())
        self._looked.move_to_end(ask.digest)
        if len(self._looked) > _MOST:
            self._looked.popitem(last=False)

    def bumped(self, generation: int, fields: Iterable[str]) -> None:
        """Whatever reads one of *fields* is outdated unless it is good for *generation*."""
        written = frozenset(fields)
        since = self._clock.monotonic() - HOT_SECONDS
        for digest, (ask, at) in self._looked.items():
            if at >= since and not written.isdisjoint(ask.fields):
                is_new = digest not in self._wanted
                self._wanted[digest] = generation
                if is_new:
                    spawn(self._ask(ask), name="cache.warm")

    async def _ask(self, ask: Ask) -> None:
        asked = 0
        try:
            while (wanted := self._wanted[ask.digest]) > asked:
                await self._again(ask, wanted)
                asked = wanted
                await self._clock.sleep(GAP)
        finally:
            del self._wanted[ask.digest]
