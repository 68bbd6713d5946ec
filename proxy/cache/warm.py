"""Windows that are being looked at are asked for again as soon as a write outdated days that are.

Whoever looks at such a day next would have to wait for Cal.com, and would make the same call. Nobody waits for these,
so they are paid as refreshes are; days that nobody looked at lately are left alone.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final

from core.clock import Clock
from core.tasks import spawn
from proxy.cache.fetch import Ask
from proxy.cache.serving import Show
from proxy.cache.stamps import by_days

HOT_SECONDS: Final = 20.0
"""How long after a look a day counts as looked at: most likely somebody looks again before its window would end."""

GAP: Final = 1.0
"""Seconds between two fetches of one window: bookings in a row cost one call."""

_MOST: Final = 256

Again = Callable[[Ask, Show, int], Awaitable[None]]
"""Asks for something once more, for whoever must see a generation, unless it can be shown as it is. Raises nothing."""


@dataclass(slots=True)
class _Window:
    """How it is asked for, what may be shown of it, and when each field, none finer than a day, was last looked at."""

    ask: Ask
    show: Show
    fields: dict[str, float]


class Warm:
    """What one process was asked for lately, and asks for again."""

    def __init__(self, again: Again, clock: Clock) -> None:
        self._again = again
        self._clock = clock
        self._looked: OrderedDict[str, _Window] = OrderedDict()
        # The generation that is still to be asked for, of those for which somebody is at it.
        self._wanted: dict[str, int] = {}

    def __repr__(self) -> str:
        return f"Warm({len(self._looked)} looked at, {len(self._wanted)} being asked for)"

    def looked(self, ask: Ask, show: Show) -> None:
        """Somebody is being answered out of this, or out of the part that is asked for."""
        known = self._looked.pop(ask.digest, None)
        fields = known.fields if known is not None else {}
        fields |= dict.fromkeys(by_days(ask.part or ask.fields), self._clock.monotonic())
        self._looked[ask.digest] = _Window(ask, show, fields)
        if len(self._looked) > _MOST:
            self._looked.popitem(last=False)

    def bumped(self, generation: int, fields: Iterable[str]) -> None:
        """Whatever reads one of *fields* is outdated unless it is good for *generation*."""
        written = frozenset(fields)
        since = self._clock.monotonic() - HOT_SECONDS
        for digest, window in self._looked.items():
            if any(at >= since and field in written for field, at in window.fields.items()):
                is_new = digest not in self._wanted
                self._wanted[digest] = generation
                if is_new:
                    spawn(self._ask(window), name="cache.warm")

    async def _ask(self, window: _Window) -> None:
        digest, asked = window.ask.digest, 0
        try:
            while (wanted := self._wanted[digest]) > asked:
                await self._again(window.ask, window.show, wanted)
                asked = wanted
                await self._clock.sleep(GAP)
        finally:
            del self._wanted[digest]
