"""A slot file mapped into memory, as the writer and the reader both see it."""

import mmap
import os
from itertools import accumulate
from pathlib import Path

from exporters import layout as at
from exporters.layout import CELL, HEADER_CELLS, Layout, SlotError

SUFFIX = ".slot"

# Every slot of one version has the same description; parsing it once per version keeps a merge cheap.
_layouts: dict[tuple[int, int], Layout] = {(at.CURRENT.hash, len(at.CURRENT.description)): at.CURRENT}


def slot_path(directory: Path, program: str, slot: int) -> Path:
    """Name the file of one slot: `proxy-003.slot`."""
    return directory / f"{program}-{slot:03d}{SUFFIX}"


class SlotFile:
    """The mapped file: `ints` and `floats` are the header seen both ways, then come the regions."""

    def __init__(self, path: Path, mapped: mmap.mmap, layout: Layout, identity: tuple[int, int]) -> None:
        """Use `SlotFile.open`."""
        self.path = path
        self.layout = layout
        self.identity = identity
        self._mapped = mapped
        view = memoryview(mapped)
        header, counts, sums, gauges = accumulate(
            (HEADER_CELLS * CELL, layout.counts * CELL, layout.sums * CELL, layout.gauges * CELL)
        )
        self.ints = view[:header].cast("q")
        self.floats = view[:header].cast("d")
        self.counts = view[header:counts].cast("q")
        self.sums = view[counts:sums].cast("d")
        self.gauges = view[sums:gauges].cast("d")

    @classmethod
    def open(cls, path: Path, *, writable: bool = False) -> "SlotFile":
        """Map the file.

        Raises SlotError when it is not a whole slot file, FileNotFoundError when there is none.
        """
        descriptor = os.open(path, (os.O_RDWR if writable else os.O_RDONLY) | os.O_CLOEXEC)
        try:
            stat = os.fstat(descriptor)
            if stat.st_size < HEADER_CELLS * CELL:
                raise _foreign(path, "it is too short")
            mapped = mmap.mmap(descriptor, 0, access=mmap.ACCESS_WRITE if writable else mmap.ACCESS_READ)
        finally:
            os.close(descriptor)
        try:
            layout = _layout_of(path, mapped)
        except SlotError:
            mapped.close()
            raise
        return cls(path, mapped, layout, (stat.st_dev, stat.st_ino))

    def close(self) -> None:
        """Unmap; the views and everything bound to them stop working."""
        for view in (self.ints, self.floats, self.counts, self.sums, self.gauges):
            view.release()
        self._mapped.close()


def _layout_of(path: Path, mapped: mmap.mmap) -> Layout:
    header = memoryview(mapped[: HEADER_CELLS * CELL]).cast("q")
    if header[at.H_MAGIC] != at.MAGIC:
        raise _foreign(path, "it does not begin as one")
    length = header[at.H_DESCRIPTION]
    regions = (header[at.H_COUNTS], header[at.H_SUMS], header[at.H_GAUGES])
    start = CELL * (HEADER_CELLS + sum(regions))
    if min(*regions, length) < 0 or start + length != len(mapped):
        raise _foreign(path, "its size contradicts its header")
    key = (header[at.H_HASH], length)
    layout = _layouts.get(key)
    if layout is None:
        try:
            layout = Layout.parse(mapped[start : start + length])
        except ValueError as error:
            raise _foreign(path, str(error)) from error
        _layouts[key] = layout
    if (layout.counts, layout.sums, layout.gauges) != regions or layout.hash != header[at.H_HASH]:
        raise _foreign(path, "its description contradicts its header")
    return layout


def _foreign(path: Path, why: str) -> SlotError:
    return SlotError(f"{path} is not a slot file: {why}; remove it (its counts are lost) and start again")
