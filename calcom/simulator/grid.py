"""Where slots begin inside free spans: alignment, steps and the joining of overlapping spans.

Follows the rules of Cal.com's public slot builder (contract section 0, `schedules/lib/slots.ts`).
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass

from calcom.simulator import zones
from calcom.simulator.intervals import Span

MINUTE = 60
HOUR = 3600
ALIGNMENTS = (60, 30, 20, 15, 10, 5)


@dataclass(frozen=True, slots=True)
class Grid:
    """How one event type lays out its slots; minutes throughout. `zone` is the booker's: in half-hour zones
    the full hour falls elsewhere. `optimized` moves a start only into minutes that no slot could use."""

    length: int
    step: int
    offset: int
    optimized: bool
    zone: str

    @property
    def alignment(self) -> int:
        """Starts fall on multiples of this many minutes past the hour."""
        return next((minutes for minutes in ALIGNMENTS if self.step % minutes == 0), 1)

    def starts(self, spans: Iterable[Span], cut: int) -> list[int]:
        """Begin of every slot, ascending, at or after `cut` to the minute. Spans ascend and may overlap."""
        taken: set[int] = set()
        boundaries: list[int] = []
        step = (self.step + self.offset) * MINUTE
        length = self.length * MINUTE
        for low, high in spans:
            if high - low < length - 1:
                continue
            start = self._first(max(low, cut), high)
            before = bisect_left(boundaries, start)
            if before:
                boundary = boundaries[before - 1]
                if boundary + step > start:
                    start = boundary if boundary >= low else boundary + step
            while start + length - 1 <= high:
                if start not in taken:
                    taken.add(start)
                    insort(boundaries, start)
                start += step
        return boundaries

    def _first(self, instant: int, span_end: int) -> int:
        start = instant - instant % MINUTE
        minute = (start + zones.offset_at(self.zone, start)) % HOUR // MINUTE
        if minute % self.alignment:
            if self.optimized:
                spare = (span_end - start) // MINUTE % self.alignment
                for wish in (self.alignment, 15, 5):
                    shift = wish - minute % wish
                    if spare >= shift:
                        start += shift * MINUTE
                        break
            else:
                start += (-minute % self.alignment) * MINUTE
        return start + self.offset * MINUTE
