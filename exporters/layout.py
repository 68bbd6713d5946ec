"""Where each series lives in a worker's slot file: computed from the catalogue, and written into the file
itself.

A slot file is a row of 8-byte cells, so a counter is one aligned store that no crash can tear:

    header (16 cells) | counts (int64) | sums (float64) | gauges (float64) | description (JSON bytes)

Counts hold counters and, for histograms, one cell per bucket plus one for everything above the last edge
(each observation in exactly one of them; the count of a histogram is their sum and so can never contradict
its buckets). Because the description travels with the numbers, a reader of another version can still read
every series by name.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import UserError
from exporters.catalogue import CATALOGUE, Kind, Metric

MAGIC = int.from_bytes(b"CALGATE1", "little")

# Cells of the header.
H_MAGIC = 0
H_HASH = 1
H_LEASE = 2  # float: Unix time of the last beat; 0 before the first and after a clean end
H_PID = 3
H_RESTARTS = 4  # times the slot was taken over from an earlier process
H_CLEAN = 5  # 1 after a clean end
H_STARTED = 6  # float: Unix time of this process's first beat
H_COUNTS = 7
H_SUMS = 8
H_GAUGES = 9
H_DESCRIPTION = 10  # bytes
HEADER_CELLS = 16
CELL = 8


class SlotError(UserError):
    """A slot file cannot be used; the text names the file and the way out."""


@dataclass(frozen=True)
class Series:
    """One series and its cells, counted from the start of their regions; only a histogram has `sum_at`."""

    name: str
    kind: Kind
    labels: tuple[tuple[str, str], ...]
    buckets: tuple[float, ...]
    at: int
    sum_at: int = -1

    @property
    def key(self) -> tuple[Any, ...]:
        """What makes it the same series in another layout; moved bucket edges make it a new one."""
        return (self.name, self.kind, self.labels, self.buckets)

    @property
    def width(self) -> int:
        """Cells in the counts region (or the gauges region, for a gauge)."""
        return len(self.buckets) + 1


class Layout:
    """All series of one catalogue, with the size of each region."""

    def __init__(self, series: Iterable[Series]) -> None:
        """Take series whose cells are already assigned."""
        self.series: tuple[Series, ...] = tuple(series)
        counts = [s for s in self.series if s.kind != "gauge"]
        self.counts = sum(s.width for s in counts)
        self.sums = sum(1 for s in counts if s.sum_at >= 0)
        self.gauges = len(self.series) - len(counts)
        self.description = json.dumps(
            [[s.name, s.kind, s.labels, s.buckets, s.at, s.sum_at] for s in self.series],
            separators=(",", ":"),
        ).encode()
        self.hash = int.from_bytes(hashlib.sha256(self.description).digest()[:7], "little")
        self.file_size = CELL * (HEADER_CELLS + self.counts + self.sums + self.gauges) + len(self.description)
        self.by_labels: dict[tuple[str, frozenset[tuple[str, str]]], Series] = {
            (s.name, frozenset(s.labels)): s for s in self.series
        }

    @classmethod
    def of(cls, metrics: Sequence[Metric]) -> "Layout":
        """Assign cells to every series of the metrics that workers count."""
        series: list[Series] = []
        counts = sums = gauges = 0
        for metric in metrics:
            if metric.source != "worker":
                continue
            for row in metric.series():
                labels = tuple(zip(metric.labels, row, strict=True))
                if metric.kind == "gauge":
                    series.append(Series(metric.name, metric.kind, labels, (), gauges))
                    gauges += 1
                    continue
                is_histogram = metric.kind == "histogram"
                one = Series(
                    metric.name, metric.kind, labels, metric.buckets, counts, sums if is_histogram else -1
                )
                series.append(one)
                counts += one.width
                sums += is_histogram
        return cls(series)

    @classmethod
    def parse(cls, description: bytes) -> "Layout":
        """Read a description back.

        Raises ValueError when it is not one.
        """
        try:
            return cls(
                Series(name, kind, tuple((k, v) for k, v in labels), tuple(buckets), at, sum_at)
                for name, kind, labels, buckets, at, sum_at in json.loads(description)
            )
        except (TypeError, ValueError) as error:
            raise ValueError(f"not a slot description: {error}") from error


CURRENT = Layout.of(CATALOGUE)
