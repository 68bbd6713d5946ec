"""What was true: judges answers that clients were given against every state the world was in meanwhile."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from calcom.simulator.query import SlotsQuery, SlotsResult
from calcom.simulator.world import World

Answer = frozenset[tuple[object, ...]]
Reading = Literal["true", "aged", "partly", "stale"]
EXAMPLES_KEPT = 20


@dataclass(frozen=True, slots=True)
class ReadRecord:
    """One answered read. `answer` is what `SlotsResult.canonical` or `canonical_of_body` made of it.

    `floor_version` is the oldest state it may show: the newest version acknowledged before the read began, or
    as much older as the promise under test allows. `ceiling_version` is the newest version when the
    answer arrived. `at` is when it arrived; `since`, if given, the oldest clock reading it may show: `at` less
    the life of a cached entry. `partly`: it says itself that slots may be missing from it. `unheard` are versions up to
    the floor that nobody had been told of when the read began: it need not show what they changed.
    """

    query: SlotsQuery
    answer: Answer
    floor_version: int
    ceiling_version: int
    at: datetime
    since: datetime | None = None
    partly: bool = False
    unheard: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Finding:
    """One answer that no version in its range gives. `wrongly_shown` are slots that were gone at every moment
    in question, `wrongly_hidden` those that were there at every moment; `matches` is the newest older version
    that gives this very answer, if one of the last hundred does."""

    read: ReadRecord
    wrongly_shown: Answer
    wrongly_hidden: Answer
    matches: int | None


@dataclass(slots=True)
class Verdict:
    """Counts of reads. `aged` ones differ from the truth at `at` only as the clock alone changes it between
    `since` and `at`; `partly` ones lack slots, as they said they might, and show none that is not there; `stale` ones
    are wrong."""

    true: int = 0
    aged: int = 0
    partly: int = 0
    stale: int = 0
    shown_gone: int = 0
    examples: list[Finding] = field(default_factory=list)

    @property
    def reads(self) -> int:
        """All of them."""
        return self.true + self.aged + self.partly + self.stale

    def __str__(self) -> str:
        counts = f"{self.reads} reads: {self.true} true, {self.aged} aged, {self.partly} partly, {self.stale} stale, "
        lines = [f"{counts}{self.shown_gone} of them showing a slot that was gone"]
        for one in self.examples:
            shown = sorted(str(slot) for slot in one.wrongly_shown)[:3]
            hidden = sorted(str(slot) for slot in one.wrongly_hidden)[:3]
            lines.append(
                f"  at {one.read.at.isoformat()} {one.read.query}: versions {one.read.floor_version}.."
                f"{one.read.ceiling_version}, shown in vain {shown}, hidden in vain {hidden}, "
                f"as of version {one.matches}"
            )
        return "\n".join(lines)


class Oracle:
    """Knows the truth of every version of a world. Calculations are shared through the world's memo."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._canonical: dict[int, tuple[SlotsResult, Answer]] = {}

    def truth(self, query: SlotsQuery, version: int, now: datetime) -> SlotsResult:
        """The slots with the world at `version` and the clock at `now`."""
        return self._world.slots_at(version, query, now)

    def version_at(self, instant: datetime) -> int:
        """The newest version committed at or before an instant."""
        low, high = 0, len(self._world.history) - 1
        while low < high:
            middle = (low + high + 1) // 2
            if self._world.history[middle].committed_at <= instant:
                low = middle
            else:
                high = middle - 1
        return low

    def truth_at(self, query: SlotsQuery, instant: datetime) -> SlotsResult:
        """The slots as they were at an instant."""
        return self.truth(query, self.version_at(instant), instant)

    def changed(
        self, queries: Iterable[SlotsQuery], before: int, after: int, now: datetime
    ) -> frozenset[SlotsQuery]:
        """The queries whose truth differs between two versions at `now`: the least that had to be dropped from
        a cache of them when the world went from one to the other."""
        return frozenset(
            one for one in queries if self._answer(one, before, now) != self._answer(one, after, now)
        )

    def judge(self, reads: Iterable[ReadRecord]) -> Verdict:
        """A read is true iff its answer is the truth of some version from floor to ceiling at `at`."""
        verdict = Verdict()
        for read in reads:
            reading = self._reading(read)
            if reading == "true":
                verdict.true += 1
            elif reading == "aged":
                verdict.aged += 1
            elif reading == "partly":
                verdict.partly += 1
            else:
                verdict.stale += 1
                finding = self._finding(read)
                verdict.shown_gone += bool(finding.wrongly_shown)
                if len(verdict.examples) < EXAMPLES_KEPT:
                    verdict.examples.append(finding)
        return verdict

    def _answer(self, query: SlotsQuery, version: int, now: datetime) -> Answer:
        result = self.truth(query, version, now)
        kept = self._canonical.get(id(result))
        if kept is None or kept[0] is not result:
            if len(self._canonical) > EXAMPLES_KEPT * 2000:
                self._canonical.clear()
            kept = (result, result.canonical())
            self._canonical[id(result)] = kept
        return kept[1]

    def _reading(self, read: ReadRecord) -> Reading:
        # The newest version is the likeliest, so it is asked first.
        versions = range(read.ceiling_version, read.floor_version - 1, -1)
        if any(self._answer(read.query, version, read.at) == read.answer for version in versions):
            return "true"
        if any(self._lacks_only_unheard(read, version) for version in versions):
            return "true"
        if read.partly and read.answer <= self._ever(read, versions):
            return "partly"
        if read.since is None:
            return "stale"
        for version in versions:
            now = self._answer(read.query, version, read.at)
            then = self._answer(read.query, version, read.since)
            if now & then <= read.answer <= now | then:
                return "aged"
        return "stale"

    def _lacks_only_unheard(self, read: ReadRecord, version: int) -> bool:
        """Whether the answer is the truth of a version but for what versions changed that nobody had been told of."""
        differs = read.answer ^ self._answer(read.query, version, read.at)
        for one in sorted(read.unheard):
            if one > 0 and differs:
                differs -= self._answer(read.query, one - 1, read.at) ^ self._answer(read.query, one, read.at)
        return bool(read.unheard) and not differs

    def _ever(self, read: ReadRecord, versions: Iterable[int]) -> Answer:
        """All that was there at some moment in question."""
        moments = [read.at] if read.since is None else [read.since, read.at]
        return frozenset().union(
            *(self._answer(read.query, version, moment) for version in versions for moment in moments)
        )

    def _finding(self, read: ReadRecord) -> Finding:
        versions = range(read.floor_version, read.ceiling_version + 1)
        truths = [self._answer(read.query, version, read.at) for version in versions]
        ever = frozenset().union(*truths)
        always = frozenset.intersection(*truths)
        older = range(read.floor_version - 1, max(-1, read.floor_version - 101), -1)
        matches = next((one for one in older if self._answer(read.query, one, read.at) == read.answer), None)
        return Finding(read, read.answer - ever, always - read.answer, matches)
