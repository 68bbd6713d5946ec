"""Which answers were stale: pure, over everything that was read and written in a run.

The simulator numbers every state of its world. The truth of one query changes at some of these versions; an
answer must be what the query's truth was at some version that is not older than the newest change of it that
the reader had a right to see when it began, and not newer than what can have been written when it ended.

An answer that says that it is an older one less what was taken (detail=overlay) may lack slots, and may show one that
a write not yet acknowledged took; it may show nothing that an acknowledged write took.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Any

import orjson

EXAMPLES_KEPT = 10
Starts = array
"""Of seconds, ascending."""

_SHARP_SECONDS = 1.0
_ORPHANED_SECONDS = 10.0


def digest_of(data: Any) -> bytes:
    """What answers are compared by: equal for the same days and slots, however they are spelled as JSON."""
    return blake2b(orjson.dumps(data, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()


def starts_of(data: Any) -> Starts[int]:
    """When its slots begin, Unix seconds."""
    return array(
        "q",
        sorted(
            {int(datetime.fromisoformat(slot["start"]).timestamp()) for day in data.values() for slot in day}
        ),
    )


@dataclass(frozen=True, slots=True)
class Write:
    """An acknowledged write: the version it made, when it was sent and when its acknowledgement was here."""

    version: int
    started: float
    ended: float


@dataclass(frozen=True, slots=True)
class Lost:
    """A write by its name that was not acknowledged, sent at `started` and given up at `ended`. `answered`: the
    gateway said that nobody knows what became of it; otherwise the connection was lost.
    """

    name: str
    started: float
    ended: float
    answered: bool


def landed(lost: Iterable[Lost], made: Mapping[str, tuple[int, float]], lease: float) -> list[Write]:
    """Those that were made all the same, `ended` being from when on they must be seen. `made` tells version and
    time by name.

    A gateway that answers has emptied the cache of what it does not know (docs/decisions/0003). Where its process
    died, that is done by whoever looks once the intent's `lease`, in seconds and with some room, has run out.
    """
    found = [(one, *made[one.name]) for one in lost if one.name in made]
    return [
        Write(
            version,
            one.started,
            one.ended if one.answered and at <= one.ended else max(one.ended, at) + lease,
        )
        for one, version, at in found
    ]


@dataclass(frozen=True, slots=True)
class Timeline:
    """All that was ever true of one query: from `versions[n]` on `digests[n]`, until the next, with `starts[n]`."""

    versions: tuple[int, ...]
    digests: tuple[bytes, ...]
    starts: tuple[Starts[int], ...] = ()


class Reads:
    """What was read: columns, so that a million of them fit. Times are Unix seconds of this machine."""

    def __init__(self) -> None:
        self.targets = array("H")
        self.answers = array("L")
        self.started = array("d")
        self.ended = array("d")
        self.digests: list[bytes] = []
        self.words: Counter[str] = Counter()
        """By what the gateway says of them in Cache-Status."""
        self.failed: Counter[str] = Counter()
        """What was no answer: statuses, and errors of the connection by name."""
        self.partly = array("B")
        """1 for an answer that says that slots may be missing from it."""
        self.starts: dict[int, Starts[int]] = {}
        """What these answers show, by their place in `digests`."""
        self._bodies: dict[bytes, int] = {}
        self._known: dict[bytes, int] = {}

    def __len__(self) -> int:
        return len(self.targets)

    def add(
        self, target: int, body: bytes, started: float, ended: float, word: str, *, partly: bool = False
    ) -> None:
        """One answer with status 200; `target` is a place in the run's list of targets."""
        name = blake2b(body, digest_size=16).digest()
        answer = self._bodies.get(name)
        if answer is None:
            answer = self._bodies[name] = self._number(digest_of(orjson.loads(body)["data"]))
        if partly and answer not in self.starts:
            self.starts[answer] = starts_of(orjson.loads(body)["data"])
        self._row(target, answer, started, ended, partly)
        self.words[word] += 1

    def merge(self, other: Reads) -> None:
        """Take over what another saw."""
        numbers = [self._number(digest) for digest in other.digests]
        self.starts |= {numbers[answer]: starts for answer, starts in other.starts.items()}
        rows = zip(other.targets, other.answers, other.started, other.ended, other.partly, strict=True)
        for target, answer, started, ended, partly in rows:
            self._row(target, numbers[answer], started, ended, partly)
        self.words += other.words
        self.failed += other.failed

    def _number(self, digest: bytes) -> int:
        number = self._known.get(digest)
        if number is None:
            number = self._known[digest] = len(self.digests)
            self.digests.append(digest)
        return number

    def _row(self, target: int, answer: int, started: float, ended: float, partly: int) -> None:
        self.partly.append(partly)
        self.targets.append(target)
        self.answers.append(answer)
        self.started.append(started)
        self.ended.append(ended)


@dataclass(frozen=True, slots=True)
class Example:
    """One stale answer: what it showed, and what it had to. `shown` is the newest version before `floor` that
    it was the truth of, None when it never was.
    """

    target: int
    started: float
    shown: int | None
    floor: int
    late_seconds: float
    """How long the version of `floor` had been acknowledged when the read began."""


@dataclass(slots=True)
class Verdict:
    """Counts of reads. `after_ack` began after some acknowledgement, `sharp` ones within a second after one
    that changed what they ask for, `orphaned` ones within ten seconds after a write that was lost had to be seen in
    them; `partly` said that slots may be missing from them, and some were.
    """

    reads: int = 0
    after_ack: int = 0
    sharp: int = 0
    orphaned: int = 0
    partly: int = 0
    stale: int = 0
    examples: list[Example] = field(default_factory=list)

    @property
    def true(self) -> int:
        """All that are not stale."""
        return self.reads - self.stale


def judge(
    reads: Reads,
    timelines: Mapping[int, Timeline],
    writes: Sequence[Write],
    *,
    lost: Sequence[Write] = (),
    grace: float = math.inf,
) -> Verdict:
    """Hold every read against the truth. `timelines` has one for each target read; `lost` as `landed` gives them.

    A version that is nobody's here must be seen `grace` seconds after it was certainly made: when a later one was
    acknowledged.
    """
    times = _Times([*writes, *lost], grace, frozenset(one.version for one in lost))
    courts = {target: _Court(timeline, times) for target, timeline in timelines.items()}
    verdict = Verdict(reads=len(reads))
    first_ack = min((write.ended for write in writes), default=math.inf)
    rows = zip(reads.targets, reads.answers, reads.started, reads.ended, reads.partly, strict=True)
    for target, answer, started, ended, partly in rows:
        court = courts[target]
        verdict.after_ack += started >= first_ack
        verdict.sharp += court.is_sharp(started)
        verdict.orphaned += court.is_orphaned(started)
        ceiling = times.ceiling(ended)
        if not court.admits(reads.digests[answer], started, ceiling):
            if partly and court.shows_nothing_gone(answer, reads.starts[answer], started, ceiling):
                verdict.partly += 1
                continue
            verdict.stale += 1
            if len(verdict.examples) < EXAMPLES_KEPT:
                verdict.examples.append(court.example(target, reads.digests[answer], started))
    return verdict


class _Times:
    """From when on each version must be seen, and which can have been."""

    def __init__(self, writes: Iterable[Write], grace: float, lost: frozenset[int]) -> None:
        self.lost = lost
        newest_first = sorted(writes, key=lambda write: -write.version)
        self._acked = {write.version: write.ended for write in newest_first}
        self._grace = grace
        # No version can be seen before its write was sent, and none before an older one was made.
        self._sent: list[tuple[float, int]] = []
        by_start = sorted((write.started, write.version) for write in newest_first)
        lowest = 1 << 62
        for started, version in reversed(by_start):
            lowest = min(lowest, version)
            self._sent.append((started, lowest))
        self._sent.reverse()
        # Commits are in the order of versions, so what is acknowledged was preceded by everything below it.
        self._later: list[tuple[int, float]] = []
        earliest = math.inf
        for write in newest_first:
            earliest = min(earliest, write.ended)
            self._later.append((write.version, earliest))
        self._later.reverse()

    def known(self, version: int) -> float:
        """When whoever begins to read must see a version."""
        acked = self._acked.get(version)
        if acked is not None:
            return acked
        at = bisect_right(self._later, (version, math.inf))
        return self._later[at][1] + self._grace if at < len(self._later) else math.inf

    def ceiling(self, ended: float) -> int:
        """The newest version that an answer of this time can show."""
        at = bisect_right(self._sent, (ended, 1 << 62))
        return self._sent[at][1] - 1 if at < len(self._sent) else 1 << 62


class _Court:
    """Judges the reads of one target."""

    def __init__(self, timeline: Timeline, times: _Times) -> None:
        self._timeline = timeline
        self._places: dict[bytes, list[int]] = {}
        for place, digest in enumerate(timeline.digests):
            self._places.setdefault(digest, []).append(place)
        due = sorted(
            (times.known(version), place) for place, version in enumerate(timeline.versions) if place
        )
        self._due = [known for known, _ in due]
        self._known = [times.known(version) for version in timeline.versions]
        self._orphaned = sorted(
            known
            for known, version in zip(self._known[1:], timeline.versions[1:], strict=True)
            if version in times.lost
        )
        self._partly: dict[tuple[int, int, int], bool] = {}
        self._floors = [0]
        for _, place in due:
            self._floors.append(max(self._floors[-1], place))

    def is_sharp(self, started: float) -> bool:
        return _is_just_after(self._due, started, _SHARP_SECONDS)

    def is_orphaned(self, started: float) -> bool:
        return _is_just_after(self._orphaned, started, _ORPHANED_SECONDS)

    def admits(self, digest: bytes, started: float, ceiling: int) -> bool:
        places = self._places.get(digest)
        if places is None:
            return False
        floor = self._floors[bisect_right(self._due, started)]
        at = bisect_left(places, floor)
        # Whatever time it is, the floor itself may be seen: it was acknowledged.
        newest = max(floor, bisect_right(self._timeline.versions, ceiling) - 1)
        return at < len(places) and places[at] <= newest

    def shows_nothing_gone(self, answer: int, shown: Starts[int], started: float, ceiling: int) -> bool:
        """Whether nothing is shown that an acknowledged write took."""
        at = bisect_right(self._due, started)
        floor = self._floors[at]
        newest = max(floor, bisect_right(self._timeline.versions, ceiling) - 1)
        known = (answer, at, newest)
        if known not in self._partly:
            self._partly[known] = not any(self._is_gone(start, floor, newest, started) for start in shown)
        return self._partly[known]

    def _is_gone(self, start: int, floor: int, newest: int, started: float) -> bool:
        for place in range(newest, -1, -1):
            if self._offers(place, start):
                # Gone if it was offered last before the floor, and what took it was acknowledged.
                return place < floor and self._known[place + 1] <= started
        return True

    def _offers(self, place: int, start: int) -> bool:
        offered = self._timeline.starts[place]
        at = bisect_left(offered, start)
        return at < len(offered) and offered[at] == start

    def example(self, target: int, digest: bytes, started: float) -> Example:
        at = bisect_right(self._due, started)
        floor = self._floors[at]
        older = [place for place in self._places.get(digest, ()) if place < floor]
        versions = self._timeline.versions
        late = started - self._due[at - 1] if at else 0.0
        return Example(target, started, versions[older[-1]] if older else None, versions[floor], late)


def _is_just_after(moments: Sequence[float], started: float, seconds: float) -> bool:
    at = bisect_right(moments, started)
    return at > 0 and started - moments[at - 1] <= seconds
