"""Collectors: each reads one thing under a time limit and keeps what it last knew.

A slow or dead store fails its collector, which ages a number; it can neither stop another collector nor slow
a scrape, because a scrape only ever reads what is kept here.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from core.clock import Clock
from core.log import redact_text

T = TypeVar("T")
_log = logging.getLogger(__name__)

_LONGEST_ERROR = 200


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """What a collector knows. `value` is None until the first success, and the last good one ever after.

    Times are Unix seconds, 0 for never; `duration` is seconds; `error` is one line without secrets, empty on
    success.
    """

    value: T | None = None
    success: bool = False
    error: str = ""
    duration: float = 0.0
    last_success: float = 0.0
    finished: float = 0.0


class Collector(Generic[T]):
    """One thing to read, every so often, for no longer than so long."""

    def __init__(
        self,
        name: str,
        read: Callable[[], Awaitable[T]],
        clock: Clock,
        *,
        every_seconds: float,
        limit_seconds: float,
    ) -> None:
        """Name it as the catalogue does; `limit_seconds` should stay below `every_seconds`."""
        self.name = name
        self.every_seconds = every_seconds
        self.limit_seconds = limit_seconds
        self.outcome: Outcome[T] = Outcome()
        self._read = read
        self._clock = clock

    def __repr__(self) -> str:
        """Show the name and how the last run went."""
        return f"<Collector {self.name} success={self.outcome.success} error={self.outcome.error!r}>"

    async def run(self) -> None:
        """Read once and keep the outcome; only cancellation passes through."""
        began = self._clock.monotonic()
        before = self.outcome
        try:
            async with asyncio.timeout(self.limit_seconds):
                value = await self._read()
        except Exception as error:  # noqa: BLE001  # whatever a store does wrong, the others must go on
            why = self._explain(error)
            self.outcome = Outcome(
                before.value, False, why, self._since(began), before.last_success, self._clock.now()
            )
            if before.success or not before.finished:
                _log.warning("collector.failed", extra={"collector": self.name, "error": why})
        else:
            now = self._clock.now()
            self.outcome = Outcome(value, True, "", self._since(began), now, now)
            if before.error:
                _log.info("collector.recovered", extra={"collector": self.name})

    def _since(self, began: float) -> float:
        return self._clock.monotonic() - began

    def _explain(self, error: Exception) -> str:
        if isinstance(error, TimeoutError):
            return f"no answer within {self.limit_seconds:g} s"
        text = " ".join(redact_text(str(error)).split()) or type(error).__name__
        return text if len(text) <= _LONGEST_ERROR else f"{text[: _LONGEST_ERROR - 1]}…"
