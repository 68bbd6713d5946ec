"""The reader's side of the slots: adds the counters of all of them up, and the gauges of those that live.

The files are mapped once and read as whole arrays, so a merge of sixteen slots is a few milliseconds and
cannot wait for anything but memory.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from prometheus_client.core import Metric as Family
from prometheus_client.samples import Sample

from exporters import layout as at
from exporters.catalogue import BY_NAME, CATALOGUE, Metric
from exporters.families import family
from exporters.layout import CURRENT, Layout, Series
from exporters.slotfile import SUFFIX, SlotFile

_N = TypeVar("_N", int, float)

LEASE_SECONDS = 10.0
"""A slot whose last beat is older than this has no live worker; several times what a worker may hang on its store."""


@dataclass(frozen=True)
class SlotState:
    """Who has a slot. Times are Unix seconds; `started` and `beat` are 0 before the first beat."""

    program: str
    slot: int
    pid: int
    restarts: int
    started: float
    beat: float
    alive: bool
    clean: bool
    """It gave the slot up itself; neither alive nor clean means that it crashed or hangs."""


@dataclass(frozen=True)
class Merged:
    """All slots of a directory added up, in the cells of the current layout."""

    counts: tuple[int, ...]
    sums: tuple[float, ...]
    gauges: tuple[float, ...]
    slots: tuple[SlotState, ...]

    def value(self, name: str, **labels: str) -> float:
        """Sum a counter, a gauge or a histogram's observations over all series with these labels."""
        total = 0.0
        for s in CURRENT.series:
            if s.name == name and labels.items() <= dict(s.labels).items():
                if s.kind == "gauge":
                    total += self.gauges[s.at]
                else:
                    total += sum(self.counts[s.at : s.at + s.width])
        return total

    def observations(self, name: str, **labels: str) -> tuple[int, ...]:
        """Add up a histogram's buckets (each on its own, the last one above every edge) over these labels."""
        rows = [
            self.counts[s.at : s.at + s.width]
            for s in CURRENT.series
            if s.name == name and labels.items() <= dict(s.labels).items()
        ]
        return tuple(map(sum, zip(*rows, strict=True)))

    def alive(self, program: str) -> int:
        """Count the program's slots with a current lease."""
        return sum(1 for slot in self.slots if slot.alive and slot.program == program)


class SlotReader:
    """Reads one directory again and again, keeping its files mapped between reads."""

    def __init__(self, directory: Path) -> None:
        """Read `directory`, which need not exist yet."""
        self._directory = directory
        self._files: dict[Path, SlotFile] = {}

    def read(self, now: float) -> Merged:
        """Add up every slot at Unix time `now`; with no slot at all, every series is 0.

        Raises SlotError for a file that is not a slot file: leaving it out would make sums fall.
        """
        files = self._current()
        counts: list[list[int]] = []
        sums: list[list[float]] = []
        gauges: list[list[float]] = []
        states = []
        for file in files:
            state = _state(file, now)
            states.append(state)
            if file.layout.hash == CURRENT.hash:
                cells = (file.counts.tolist(), list(file.sums), list(file.gauges))
            else:
                cells = _translated(file)
            counts.append(cells[0])
            sums.append(cells[1])
            if state.alive:
                gauges.append(cells[2])
        return Merged(
            _added(counts, CURRENT.counts, 0),
            _added(sums, CURRENT.sums, 0.0),
            _added(gauges, CURRENT.gauges, 0.0),
            tuple(states),
        )

    def close(self) -> None:
        """Unmap every file."""
        for file in self._files.values():
            file.close()
        self._files.clear()

    def _current(self) -> list[SlotFile]:
        """Map what is there now; a file carried over to a new layout is another file under the same name."""
        paths = sorted(self._directory.glob(f"*{SUFFIX}"))
        for gone in self._files.keys() - set(paths):
            self._files.pop(gone).close()
        for path in paths:
            known = self._files.get(path)
            stat = path.stat()
            if known is not None and known.identity != (stat.st_dev, stat.st_ino):
                self._files.pop(path).close()
                known = None
            if known is None:
                self._files[path] = SlotFile.open(path)
        return [self._files[path] for path in paths]


def merge(directory: Path, now: float) -> list[Family]:
    """Read the directory once, as the families of all worker metrics; `SlotReader` is for repeated reads."""
    reader = SlotReader(directory)
    try:
        return families(reader.read(now))
    finally:
        reader.close()


def families(merged: Merged) -> list[Family]:
    """Turn merged cells into families in catalogue order, with every series of every worker metric."""
    found = []
    for metric, rows in _ROWS:
        one = family(metric)
        samples = one.samples
        for row in rows:
            s = row.series
            if s.kind == "counter":
                samples.append(Sample(s.name, row.labels, merged.counts[s.at]))
            elif s.kind == "gauge":
                samples.append(Sample(s.name, row.labels, merged.gauges[s.at]))
            else:
                total = 0
                for i, labels in enumerate(row.bucket_labels):
                    total += merged.counts[s.at + i]
                    samples.append(Sample(row.bucket_name, labels, total))
                samples.append(Sample(row.count_name, row.labels, total))
                samples.append(Sample(row.sum_name, row.labels, merged.sums[s.sum_at]))
        found.append(one)
    return found


class _Row:
    """The fixed parts of one series' samples, made once: a scrape only puts numbers beside them."""

    __slots__ = ("bucket_labels", "bucket_name", "count_name", "labels", "series", "sum_name")

    def __init__(self, series: Series) -> None:
        self.series = series
        self.labels = dict(series.labels)
        self.bucket_name = f"{series.name}_bucket"
        self.count_name = f"{series.name}_count"
        self.sum_name = f"{series.name}_sum"
        edges = [*map(str, series.buckets), "+Inf"]
        self.bucket_labels = [{**self.labels, "le": edge} for edge in edges] if series.buckets else []


def _rows(layout: Layout) -> list[tuple[Metric, list[_Row]]]:
    grouped: dict[str, list[_Row]] = {m.name: [] for m in CATALOGUE if m.source == "worker"}
    for series in layout.series:
        grouped[series.name].append(_Row(series))
    return [(BY_NAME[name], rows) for name, rows in grouped.items()]


_ROWS = _rows(CURRENT)
_KNOWN = {s.key: s for s in CURRENT.series}


def _state(file: SlotFile, now: float) -> SlotState:
    program, _, slot = file.path.name.removesuffix(SUFFIX).rpartition("-")
    beat = file.floats[at.H_LEASE]
    return SlotState(
        program=program,
        slot=int(slot) if slot.isdigit() else -1,
        pid=file.ints[at.H_PID],
        restarts=file.ints[at.H_RESTARTS],
        started=file.floats[at.H_STARTED],
        beat=beat,
        alive=beat > 0.0 and now - beat <= LEASE_SECONDS,
        clean=bool(file.ints[at.H_CLEAN]),
    )


def _translated(file: SlotFile) -> tuple[list[int], list[float], list[float]]:
    """Read a file of another version by name, into the cells of the current layout."""
    counts = [0] * CURRENT.counts
    sums = [0.0] * CURRENT.sums
    gauges = [0.0] * CURRENT.gauges
    for was in file.layout.series:
        now = _KNOWN.get(was.key)
        if now is None:
            continue
        if now.kind == "gauge":
            gauges[now.at] = file.gauges[was.at]
            continue
        counts[now.at : now.at + now.width] = file.counts[was.at : was.at + was.width].tolist()
        if now.sum_at >= 0:
            sums[now.sum_at] = file.sums[was.sum_at]
    return counts, sums, gauges


def _added(rows: Iterable[list[_N]], width: int, zero: _N) -> tuple[_N, ...]:
    return tuple(map(sum, zip(*rows, strict=True))) or (zero,) * width
