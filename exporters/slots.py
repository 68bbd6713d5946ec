"""What a worker counts with: one memory-mapped file per worker slot, in plain 8-byte cells.

A count is an ordinary item assignment into shared memory, so it costs no system call and survives `kill -9`.
A restarted worker takes its slot over and goes on counting: sums never fall, and no file is left behind by a
dead process. `exporters.merge` adds the slots up.
"""

import fcntl
import os
import re
from bisect import bisect_left
from pathlib import Path
from types import TracebackType
from typing import Self

from exporters import layout as at
from exporters.layout import CELL, CURRENT, HEADER_CELLS, Layout, Series, SlotError
from exporters.merge import merge
from exporters.slotfile import SlotFile, slot_path

__all__ = ["Counter", "Gauge", "Histogram", "SlotError", "WorkerSlot", "merge"]

MAX_SLOT = 255
_PROGRAM = re.compile(r"[a-z]{1,16}")


class Counter:
    """A number that only grows. Bind it once, not per request."""

    __slots__ = ("_at", "_cells")

    def __init__(self, cells: memoryview, at: int) -> None:
        """Count in cell `at` of an int64 view."""
        self._cells = cells
        self._at = at

    def inc(self, n: int = 1) -> None:
        """Add `n`, which must not be negative: checking it would cost more than counting."""
        self._cells[self._at] += n


class Histogram:
    """Observations of seconds, sorted into the metric's buckets."""

    __slots__ = ("_at", "_counts", "_edges", "_sum_at", "_sums")

    def __init__(
        self, counts: memoryview, at: int, sums: "memoryview[float]", sum_at: int, edges: tuple[float, ...]
    ) -> None:
        """Count from cell `at` of an int64 view, add up in cell `sum_at` of a float64 view."""
        self._counts = counts
        self._at = at
        self._sums = sums
        self._sum_at = sum_at
        self._edges = edges

    def observe(self, seconds: float) -> None:
        """Record one value; an edge is inside its bucket (`le` means less or equal)."""
        self._counts[self._at + bisect_left(self._edges, seconds)] += 1
        self._sums[self._sum_at] += seconds


class Gauge:
    """A number that goes up and down; it starts at 0 with each process and vanishes with it."""

    __slots__ = ("_at", "_cells")

    def __init__(self, cells: "memoryview[float]", at: int) -> None:
        """Keep the value in cell `at` of a float64 view."""
        self._cells = cells
        self._at = at

    def set(self, x: float) -> None:
        """Make the value `x`."""
        self._cells[self._at] = x

    def add(self, x: float) -> None:
        """Add `x`, which may be negative."""
        self._cells[self._at] += x


class WorkerSlot:
    """One worker's numbers, made by `open`. One writer at a time: the lock dies with its process."""

    def __init__(self, file: SlotFile, lock: int, program: str, slot: int) -> None:
        """Use `WorkerSlot.open`."""
        self.program = program
        self.slot = slot
        self._file = file
        self._lock = lock
        self._closed = False

    def __repr__(self) -> str:
        """Name the slot and the process, for a log line."""
        state = "closed" if self._closed else f"pid={self._file.ints[at.H_PID]}"
        return f"<WorkerSlot {self.program}-{self.slot} {state}>"

    @classmethod
    def open(cls, directory: Path, slot: int, program: str, *, layout: Layout = CURRENT) -> Self:
        """Take the slot over, with all its counters, or begin it.

        Raises SlotError when another live process has it, when the file is not a slot file, or when the
        program (1 to 16 letters) or slot (0 to 255) cannot be a name. Until the first `beat` the worker does
        not count as alive.
        """
        if not _PROGRAM.fullmatch(program) or not 0 <= slot <= MAX_SLOT:
            raise SlotError(
                f"no such worker slot: {program!r} {slot}; "
                f"a program is 1 to 16 letters a-z, a slot 0 to {MAX_SLOT}"
            )
        directory.mkdir(parents=True, exist_ok=True)
        path = slot_path(directory, program, slot)
        lock = _lock(path.with_suffix(".lock"))
        try:
            file = _take_over(path, layout)
        except BaseException:
            os.close(lock)
            raise
        taken = cls(file, lock, program, slot)
        ints = file.ints
        before = ints[at.H_PID]
        if before:
            ints[at.H_RESTARTS] += 1
            why = "planned" if ints[at.H_CLEAN] else "crashed"
            taken.counter("calgate_worker_restarts_total", why=why).inc()
        ints[at.H_PID] = os.getpid()
        ints[at.H_CLEAN] = 0
        file.floats[at.H_LEASE] = 0.0
        file.floats[at.H_STARTED] = 0.0
        for i in range(layout.gauges):
            file.gauges[i] = 0.0
        return taken

    def counter(self, name: str, **labels: str) -> Counter:
        """Bind one counter series.

        Raises SlotError for a name, label or combination the catalogue does not have.
        """
        return Counter(self._file.counts, self._find("counter", name, labels).at)

    def histogram(self, name: str, **labels: str) -> Histogram:
        """Bind one histogram series; raises as `counter` does."""
        s = self._find("histogram", name, labels)
        return Histogram(self._file.counts, s.at, self._file.sums, s.sum_at, s.buckets)

    def gauge(self, name: str, **labels: str) -> Gauge:
        """Bind one gauge series; raises as `counter` does."""
        return Gauge(self._file.gauges, self._find("gauge", name, labels).at)

    def beat(self, now: float) -> None:
        """Renew the lease with Unix time, about once a second; it lasts `merge.LEASE_SECONDS`."""
        floats = self._file.floats
        if floats[at.H_STARTED] == 0.0:
            floats[at.H_STARTED] = now
        floats[at.H_LEASE] = now

    def close(self) -> None:
        """End cleanly: the lease is given up at once, the next start is a planned one, bound metrics stop."""
        if self._closed:
            return
        self._closed = True
        self._file.floats[at.H_LEASE] = 0.0
        self._file.ints[at.H_CLEAN] = 1
        self._file.close()
        os.close(self._lock)

    def __enter__(self) -> Self:
        """Return itself; leaving closes it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close, whatever happened."""
        self.close()

    def _find(self, kind: str, name: str, labels: dict[str, str]) -> Series:
        found = self._file.layout.by_labels.get((name, frozenset(labels.items())))
        if found is not None and found.kind == kind:
            return found
        raise SlotError(_why_unknown(self._file.layout, kind, name, labels))


def _why_unknown(layout: Layout, kind: str, name: str, labels: dict[str, str]) -> str:
    """Say which part of a binding is wrong, and what would be right."""
    rows = [s for s in layout.series if s.name == name]
    if not rows:
        return f"no worker metric is called {name!r}; exporters/catalogue.py has them all"
    if rows[0].kind != kind:
        return f"{name} is a {rows[0].kind}, not a {kind}"
    wanted = [k for k, _ in rows[0].labels]
    if set(labels) != set(wanted):
        return f"{name} has the labels {wanted}, not {sorted(labels)}"
    for k in wanted:
        allowed = dict.fromkeys(dict(s.labels)[k] for s in rows)
        if labels[k] not in allowed:
            return f"{name}: {k}={labels[k]!r} is none of {', '.join(allowed)}"
    return (
        f"{name} has no series {labels}: the catalogue says this combination cannot happen (see its `only`)"
    )


def _lock(path: Path) -> int:
    """Hold the slot for the life of this process.

    Raises SlotError when another one holds it. The lock file is never renamed or removed, so two openers
    cannot hold two files of one name; the lock belongs to the descriptor, so the kernel frees it however the
    process dies.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise SlotError(
            f"worker slot {path.stem} in {path.parent} is in use by another live process: "
            "stop that one, or start this one with another slot or data_dir"
        ) from error
    return descriptor


def _take_over(path: Path, layout: Layout) -> SlotFile:
    """Open the file, made new or carried over from another version's layout; the caller holds the lock."""
    old: SlotFile | None = None
    if path.exists():
        old = SlotFile.open(path, writable=True)
        if old.layout.hash == layout.hash:
            return old
    # Built beside and renamed: a crash at any point leaves either the old file or the whole new one.
    fresh = path.with_suffix(".new")
    _create(fresh, layout)
    new = SlotFile.open(fresh, writable=True)
    if old is not None:
        _carry(old, new)
        old.close()
    fresh.replace(path)
    return new


def _create(path: Path, layout: Layout) -> None:
    """Write an empty file with its blocks allocated: a full disk fails here, not as SIGBUS while counting."""
    header = memoryview(bytearray(HEADER_CELLS * CELL)).cast("q")
    header[at.H_MAGIC] = at.MAGIC
    header[at.H_HASH] = layout.hash
    header[at.H_COUNTS] = layout.counts
    header[at.H_SUMS] = layout.sums
    header[at.H_GAUGES] = layout.gauges
    header[at.H_DESCRIPTION] = len(layout.description)
    cells = bytes(layout.file_size - len(header) * CELL - len(layout.description))
    with path.open("wb") as out:
        out.write(header.tobytes() + cells + layout.description)
        out.flush()
        os.fsync(out.fileno())


def _carry(old: SlotFile, new: SlotFile) -> None:
    """Copy every counter and histogram that both layouts have, and the slot's history."""
    known = {s.key: s for s in new.layout.series}
    for was in old.layout.series:
        now = known.get(was.key)
        if now is None or now.kind == "gauge":
            continue
        for i in range(was.width):
            new.counts[now.at + i] = old.counts[was.at + i]
        if was.sum_at >= 0:
            new.sums[now.sum_at] = old.sums[was.sum_at]
    for cell in (at.H_PID, at.H_RESTARTS, at.H_CLEAN):
        new.ints[cell] = old.ints[cell]
