"""Answers a process holds itself, and the proof that they still hold. No I/O; time is an argument, monotonic.

Redis tells every process of every write before it leaves and of every invalidation (pushes.py). That alone would
not do: a process that is cut off hears nothing. So it also asks, ten times a second and on the same connection;
since replies and pushes come in Redis' order, a reply proves that everything up to the asking is known here. From
then on the copies may be used for the length of a lease, and a writer keeps its client's answer back until that
long after its intent was written (writes.py): a process that did not hear of the intent has lapsed by then.

Where Redis itself is gone nobody can write, and the copies of before are all there is. A connection that is refused
proves that, if nobody else can be let in where this process is refused; until it is refused again, or Redis is back,
the copies are shown in the dark (decision 14): all but those that a write which was on its way may touch.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from proxy.cache.entry import Entry

NEAR_LEASE: Final = 0.3
"""Seconds a process trusts its copies after it last asked (store.Timing.near)."""

ALL: Final = frozenset({"*"})
"""The fields of a write of which nobody knows what it may touch."""

MARK_MS: Final = 2_000
"""How long Redis remembers that some process may hold copies; said anew ten times a second."""

AFTERGLOW_MS: Final = 500
"""How long a Redis that is new takes it that some process may still show copies of before: longer than a lease."""

_GAP: Final = 0.9
"""Of a lease, the longest time between two certain moments; less than all of it, so that no rounding matters."""

# Fields whose last invalidation is remembered; past that, everything older than the newest forgotten is refused.
_MOST_FIELDS: Final = 50_000

# What a copy costs besides its bytes, as measured: its headers and name, and each field's text and place in the index.
_OVERHEAD_BYTES: Final = 3_000
_FIELD_BYTES: Final = 200


@dataclass(slots=True)
class Held:
    """A copy of an entry: fresh until the moment `until`; its age was nothing at the moment `stored_at`.

    `ready` is for whoever turns it into bytes.
    """

    digest: str
    entry: Entry
    generation: int
    fields: frozenset[str]
    stored_at: float
    until: float
    ready: object = None

    @property
    def size(self) -> int:
        """Bytes it takes, roughly; `ready` counts as there from the start, since it is made after the copy is put."""
        return 2 * len(self.entry.body) + _OVERHEAD_BYTES + _FIELD_BYTES * len(self.fields)


class Near:
    """The copies of one process, bounded in number and bytes; the least recently used make way."""

    def __init__(self, *, most_entries: int, most_bytes: int, lease: float = NEAR_LEASE) -> None:
        self._most_entries = most_entries
        self._most_bytes = most_bytes
        self._lease = lease
        self._held: OrderedDict[str, Held] = OrderedDict()
        self._readers: dict[str, set[str]] = {}
        self._bytes = 0
        self._heard: dict[str, int] = {}
        self._floor = 0
        self._writes: dict[str, frozenset[str]] = {}
        self._proven_at = 0.0
        self._certain_at = -math.inf
        self._connection = 0
        self._is_open = False
        self._listeners: list[Callable[[int, list[str]], None]] = []
        # The moment up to which copies may be used; 0 while they may not. All that `get` has to look at.
        self._current_until = 0.0
        self._dark_until = 0.0

    def __len__(self) -> int:
        return len(self._held)

    def __repr__(self) -> str:
        state = "open" if self._is_open else "dark" if self._dark_until else "cut off"
        return f"Near({state}, {len(self._held)} copies, {self._bytes} bytes, {len(self._writes)} writes on their way)"

    def get(self, digest: str, now: float) -> Held | None:
        """The copy, if it is proven to be what Redis would answer with."""
        if now >= self._current_until:
            return None
        held = self._held.get(digest)
        if held is None or now >= held.until:
            return None
        self._held.move_to_end(digest)
        return held

    def dark(self, digest: str, now: float) -> Held | None:
        """The copy of before Redis was gone, however old, if no acknowledged write can be missing from it."""
        if now >= self._dark_until:
            return None
        held = self._held.get(digest)
        if held is None or not all(map(held.fields.isdisjoint, self._writes.values())):
            return None
        self._held.move_to_end(digest)
        return held

    def is_dark(self, now: float) -> bool:
        """Whether Redis is proven to be gone, so that copies of before are shown."""
        return now < self._dark_until

    @property
    def lease(self) -> float:
        """Seconds copies are used after a proof; with 0 they are used only when each use is checked (`copy`)."""
        return self._lease

    def copy(self, digest: str, now: float) -> Held | None:
        """The copy that nothing heard so far speaks against. For whoever has asked Redis since: what its reply
        overtook has then been heard."""
        held = self._held.get(digest) if self._is_open else None
        if held is None or now >= held.until:
            return None
        self._held.move_to_end(digest)
        return held

    def listen(self, told: Callable[[int, list[str]], None]) -> None:
        """From now on have *told* called with the generation and the fields of every invalidation that is heard."""
        self._listeners.append(told)

    def fence(self) -> int | None:
        """To be taken before an entry is looked up on another connection; `None` when its copy would not be kept."""
        return self._connection if self._is_open else None

    def put(self, fence: int | None, held: Held) -> bool:
        """Keep a copy of what was looked up after *fence* was taken; whether it was kept.

        The reply may have been overtaken by an invalidation on its way: that was heard, and refuses the copy.
        """
        if fence is None or fence != self._connection or not self._is_open or held.size > self._most_bytes:
            return False
        newest = max((self._heard.get(field, 0) for field in held.fields), default=0)
        if held.generation < max(newest, self._floor):
            return False
        self.forget(held.digest)
        self._held[held.digest] = held
        self._bytes += held.size
        for field in held.fields:
            self._readers.setdefault(field, set()).add(held.digest)
        while self._bytes > self._most_bytes or len(self._held) > self._most_entries:
            self.forget(next(iter(self._held)))
        return True

    def forget(self, digest: str) -> None:
        """Drop one copy."""
        held = self._held.pop(digest, None)
        if held is None:
            return
        self._bytes -= held.size
        for field in held.fields:
            readers = self._readers[field]
            readers.discard(digest)
            if not readers:
                del self._readers[field]

    def drop_all(self) -> None:
        """Drop every copy."""
        self._held.clear()
        self._readers.clear()
        self._bytes = 0

    def opened(self) -> None:
        """From now on everything is heard. What was before is not known, until the first proof."""
        self.drop_all()
        self._connection += 1
        self._is_open = True
        self._heard.clear()
        self._floor = 0
        self._writes.clear()
        self._current_until = self._dark_until = 0.0
        self._certain_at = -math.inf

    def proven(self, asked_at: float, writes: Iterable[str]) -> None:
        """Everything up to *asked_at* is known, and *writes* were on their way when Redis answered."""
        self._writes = {write: self._writes.get(write, ALL) for write in writes}
        self._proven_at = self._certain_at = asked_at
        self._settle()

    def began(self, write: str, may_touch: Iterable[str] = ALL) -> None:
        """A write is about to leave: what it will change is not known, so nothing is used until it is over.

        In the dark, where nobody hears the end of it, nothing that reads a field which it *may_touch*.
        """
        self._writes[write] = frozenset(may_touch)
        self._settle()

    def ended(self, write: str) -> None:
        """A write is over."""
        self._writes.pop(write, None)
        self._settle()

    def bumped(self, generation: int, fields: Iterable[str], write: str | None) -> None:
        """Everything that reads one of *fields* and is older than *generation* is gone; *write* is over."""
        fields = list(fields)
        for field in fields:
            self._heard[field] = generation
            for digest in tuple(self._readers.get(field, ())):
                if self._held[digest].generation < generation:
                    self.forget(digest)
        if len(self._heard) > _MOST_FIELDS:
            self._floor = max(self._heard.values())
            self._heard.clear()
        if write is not None:
            self.ended(write)
        for told in self._listeners:
            told(generation, fields)

    def broke(self) -> None:
        """Nothing more is heard. The copies are kept only for the case that Redis is gone."""
        self._is_open = False
        self._current_until = 0.0

    def refused(self, asked_at: float, now: float) -> None:
        """A connection that was tried from *asked_at* to *now* was refused: at some moment in between Redis was gone.

        A write that nobody here has heard of began after the last certain moment and before that one. If that is less
        than a lease, its writer cannot prove that it was heard of, and does not acknowledge it.
        """
        if self._is_open:
            return
        if now - self._certain_at >= _GAP * self._lease:
            self.lost()
            return
        self._certain_at = asked_at
        self._dark_until = asked_at + self._lease

    def lost(self) -> None:
        """Redis may be there for others, or have been: nothing is certain any more."""
        self._dark_until = 0.0
        self._certain_at = -math.inf
        self.drop_all()

    def _settle(self) -> None:
        may_be_used = self._is_open and not self._writes
        self._current_until = self._proven_at + self._lease if may_be_used else 0.0
