"""Copies in a process are used only while they are what Redis would answer with."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from proxy.cache.entry import Entry
from proxy.cache.near import NEAR_LEASE, Held, Near
from proxy.cache.store import Timing

FAR = 1e9


def held(
    digest: str = "d",
    generation: int = 0,
    fields: tuple[str, ...] = ("*", "t7"),
    until: float = FAR,
    size: int = 0,
) -> Held:
    return Held(digest, Entry(b"x" * size, (), 0, FAR, FAR), generation, frozenset(fields), 0.0, until)


def near(**changes: int) -> Near:
    made = Near(**{"most_entries": 100, "most_bytes": 1_000_000, **changes})
    made.opened()
    made.proven(0.0, [])
    return made


def kept(one: Near, what: Held) -> bool:
    return one.put(one.fence(), what)


def test_a_copy_is_used_for_the_lease_after_the_last_proof() -> None:
    one = near()
    assert kept(one, held())
    assert one.get("d", NEAR_LEASE - 0.01) is not None
    assert one.get("d", NEAR_LEASE) is None
    one.proven(0.2, [])
    assert one.get("d", NEAR_LEASE) is not None


def test_a_copy_is_used_no_longer_than_it_is_fresh() -> None:
    one = near()
    kept(one, held(until=0.1))
    assert one.get("d", 0.09) is not None
    assert one.get("d", 0.1) is None


def test_nothing_is_used_while_a_write_is_on_its_way() -> None:
    one = near()
    kept(one, held())
    one.began("w")
    assert one.get("d", 0.1) is None
    one.ended("w")
    assert one.get("d", 0.1) is not None
    one.proven(0.1, ["other"])
    assert one.get("d", 0.15) is None
    one.bumped(1, ["t8"], "other")
    assert one.get("d", 0.15) is not None


def test_an_invalidation_drops_what_reads_one_of_its_fields() -> None:
    one = near()
    kept(one, held("seven"))
    kept(one, held("eight", fields=("*", "t8")))
    one.bumped(1, ["t7", "?"], None)
    assert one.get("seven", 0.1) is None
    assert one.get("eight", 0.1) is not None
    one.bumped(2, ["*"], None)
    assert len(one) == 0


def test_a_reply_that_an_invalidation_overtook_is_not_kept() -> None:
    one = near()
    fence = one.fence()
    one.bumped(5, ["t7"], None)
    assert not one.put(fence, held(generation=4))
    assert one.put(fence, held(generation=5))


def test_a_reply_from_before_the_connection_is_not_kept() -> None:
    one = near()
    fence = one.fence()
    one.broke()
    assert one.fence() is None
    assert not one.put(fence, held())
    one.opened()
    assert not one.put(fence, held())
    assert not one.put(None, held())


def test_a_broken_connection_ends_the_use_of_copies() -> None:
    one = near()
    kept(one, held())
    one.broke()
    assert one.get("d", 0.1) is None
    assert one.copy("d", 0.1) is None
    assert one.dark("d", 0.1) is None
    one.opened()
    assert len(one) == 0
    assert one.get("d", 0.1) is None


def gone(*writes: str) -> Near:
    """Copies of before, on a Redis that was lost with *writes* on their way and refuses."""
    one = near()
    kept(one, held("seven", until=0.1))
    kept(one, held("eight", fields=("*", "t8")))
    one.proven(0.0, writes)
    one.broke()
    return one


def test_copies_are_shown_in_the_dark_for_a_lease_after_each_refusal_however_old() -> None:
    one = gone()
    assert not one.is_dark(0.1)
    one.refused(0.1, 0.15)
    assert one.get("seven", 0.2) is None
    assert one.dark("seven", 0.39) is not None
    assert one.dark("seven", 0.1 + NEAR_LEASE) is None
    one.refused(0.35, 0.36)
    assert one.dark("seven", 0.5) is not None
    assert "dark" in repr(one)
    one.opened()
    assert one.dark("seven", 0.5) is None


def test_after_a_moment_in_which_redis_may_have_been_there_nothing_is_shown() -> None:
    late = gone()
    late.refused(0.3, 0.31)
    assert late.dark("seven", 0.31) is None
    again = gone()
    again.refused(0.1, 0.1)
    again.refused(0.4, 0.41)
    assert again.dark("seven", 0.41) is None
    assert len(again) == 0
    other = gone()
    other.refused(0.1, 0.1)
    other.lost()
    other.refused(0.15, 0.15)
    assert other.dark("seven", 0.15) is None


def test_in_the_dark_nothing_is_shown_that_a_write_on_its_way_may_touch() -> None:
    one = near()
    kept(one, held("seven"))
    kept(one, held("eight", fields=("*", "t8")))
    one.began("w", ("t7", "?"))
    one.proven(0.0, ["w"])
    one.broke()
    one.refused(0.1, 0.1)
    assert one.dark("seven", 0.1) is None
    assert one.dark("eight", 0.1) is not None
    unknown = gone("of which nothing else was heard")
    unknown.refused(0.1, 0.1)
    assert unknown.dark("seven", 0.1) is None


def test_what_was_forgotten_of_invalidations_refuses_rather_than_admits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("proxy.cache.near._MOST_FIELDS", 3)
    one = near()
    for generation in range(1, 6):
        one.bumped(generation, [f"t{generation}"], None)
    assert not kept(one, held(generation=3))
    assert kept(one, held(generation=4))


def test_number_and_bytes_are_bounded_and_a_huge_copy_is_not_taken() -> None:
    one = near(most_entries=3)
    for n in range(5):
        kept(one, held(f"d{n}"))
    assert [one.get(f"d{n}", 0.1) is not None for n in range(5)] == [False, False, True, True, True]
    small = near(most_bytes=10_000)
    for n in range(5):
        kept(small, held(f"d{n}", size=2_000))
    assert len(small) == 1
    assert not kept(small, held(size=20_000))
    assert "1 copies" in repr(small)


def test_the_copy_that_was_not_used_for_longest_makes_way() -> None:
    one = near(most_entries=2)
    kept(one, held("used"))
    kept(one, held("checked"))
    one.get("used", 0.1)
    one.copy("checked", 0.1)
    one.get("used", 0.1)
    kept(one, held("new"))
    assert [one.copy(digest, 0.1) is not None for digest in ("used", "checked", "new")] == [True, False, True]
    one.copy("used", 0.1)
    kept(one, held("newer"))
    assert one.get("used", 0.1) is not None


def test_what_a_copy_is_counted_as_leaves_room_for_its_finished_answer_and_its_fields() -> None:
    bare = held(size=0, fields=()).size
    assert held(size=1_000, fields=()).size - bare >= 2_000
    assert held(fields=tuple(f"7:{day}" for day in range(31))).size > bare


def test_writers_wait_at_least_as_long_as_copies_are_used() -> None:
    assert Timing().near >= NEAR_LEASE


def test_a_copy_put_again_takes_the_place_of_the_older() -> None:
    one = near()
    kept(one, held(generation=1))
    kept(one, held(generation=2, fields=("*", "t9")))
    assert len(one) == 1
    one.bumped(3, ["t7"], None)
    assert one.get("d", 0.1) is not None


FIELDS = ("a", "b")


@dataclass
class Server:
    """Redis and its one ordered stream to the process."""

    generation: int = 0
    life: int = 0
    is_there: bool = True
    stamps: dict[str, int] = field(default_factory=dict)
    writes: dict[str, float] = field(default_factory=dict)
    stream: deque[tuple[object, ...]] = field(default_factory=deque)


@dataclass
class Write:
    """A write of `what`: told in that life of Redis, answered when others can no longer miss it (writes.py)."""

    name: str
    what: str
    life: int
    lapse: float
    is_heard: bool = False

    def ask_for(self, server: Server, now: float, lease: float) -> None:
        if server.life != self.life:
            self.life, self.lapse = server.life, now + lease
        elif now >= self.lapse:
            self.is_heard = True


class Fleet(RuleBasedStateMachine):
    """Writers, and one process whose stream, replies and connection are late or broken at will.

    What a client was told of (`acked`) must never be missing from what the process then serves.
    """

    lease = NEAR_LEASE

    def __init__(self) -> None:
        super().__init__()
        self.now = 100.0
        self.server = Server()
        self.near = self.made()
        self.acked: dict[str, int] = {}
        self.landing: list[Write] = []
        self.looked: list[tuple[int | None, str, int]] = []
        self.count = 0
        self.is_connected = False

    def made(self) -> Near:
        return Near(most_entries=10, most_bytes=1_000_000)

    @precondition(lambda self: self.server.is_there)
    @rule()
    def connect(self) -> None:
        self.near.broke()
        self.server.stream.clear()
        self.near.opened()
        self.is_connected = True

    @rule()
    def breaks(self) -> None:
        """The process notices late or never: it is only cut off."""
        self.is_connected = False

    @rule(seconds=st.sampled_from([0.05, 0.1, 0.2, 0.35]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.is_connected)
    @rule()
    def beat(self) -> None:
        self.server.stream.append(("proven", self.now, tuple(self.server.writes)))

    @rule(count=st.integers(1, 5))
    def hear(self, count: int) -> None:
        for _ in range(min(count, len(self.server.stream))):
            kind, *rest = self.server.stream.popleft()
            getattr(self.near, str(kind))(*rest)

    @precondition(lambda self: self.server.is_there)
    @rule(what=st.sampled_from(FIELDS))
    def look(self, what: str) -> None:
        """The reply is on its way."""
        self.looked.append((self.near.fence(), what, self.server.stamps.get(what, 0)))

    @precondition(lambda self: self.looked)
    @rule()
    def reply(self) -> None:
        fence, what, generation = self.looked.pop(0)
        self.near.put(fence, held(what, generation, fields=(what,)))

    @precondition(lambda self: self.server.is_there)
    @rule(what=st.sampled_from(FIELDS))
    def write(self, what: str) -> None:
        self.count += 1
        write = Write(f"w{self.count}", what, self.server.life, self.now + self.lease)
        self.server.writes[write.name] = self.now
        self.push("began", write.name, (what,))
        self.landing.append(write)

    @precondition(lambda self: self.landing and self.server.is_there)
    @rule()
    def land(self) -> None:
        write = self.landing.pop(0)
        generation = self.bump(write.what)
        self.server.writes.pop(write.name, None)
        self.push("bumped", generation, (write.what,), write.name)
        # The answer is kept back until no process can still trust copies from before the intent.
        while not write.is_heard:
            self.now = max(self.now, write.lapse)
            write.ask_for(self.server, self.now, self.lease)
        self.acked[write.what] = generation

    def bump(self, what: str) -> int:
        self.server.generation += 1
        self.server.stamps[what] = self.server.generation
        return self.server.generation

    def push(self, *message: object) -> None:
        if self.is_connected:
            self.server.stream.append(message)

    @invariant()
    def nothing_is_served_that_lacks_an_acknowledged_write(self) -> None:
        for what in FIELDS:
            for found in (self.near.get(what, self.now), self.near.dark(what, self.now)):
                assert found is None or found.generation >= self.acked.get(what, 0)


class Mortal(Fleet):
    """The same, on a Redis that dies and comes back."""

    @precondition(lambda self: self.server.is_there)
    @rule()
    def dies(self) -> None:
        self.server.is_there = self.is_connected = False

    @precondition(lambda self: not self.server.is_there)
    @rule(remembers=st.booleans())
    def comes_back(self, remembers: bool) -> None:
        self.server.is_there = True
        self.server.life += 1
        self.server.generation += 100
        self.server.stamps = dict.fromkeys(FIELDS, self.server.generation)
        if not remembers:
            self.server.writes.clear()

    @precondition(lambda self: not self.is_connected)
    @rule(count=st.integers(0, 5))
    def notices(self, count: int) -> None:
        """Of what was said last, some may still arrive."""
        self.hear(count)
        self.near.broke()
        self.server.stream.clear()

    @precondition(lambda self: not self.server.is_there)
    @rule(seconds=st.sampled_from([0.0, 0.1]))
    def is_refused(self, seconds: float) -> None:
        asked_at = self.now
        self.now += seconds
        self.near.refused(asked_at, self.now)

    @precondition(lambda self: self.landing and self.server.is_there)
    @rule()
    def renew(self) -> None:
        for write in self.landing:
            write.ask_for(self.server, self.now, self.lease)

    @precondition(lambda self: self.landing and not self.server.is_there)
    @rule()
    def answer_without_redis(self) -> None:
        """Its lease ran out while Redis was gone."""
        for write in [one for one in self.landing if one.is_heard]:
            self.landing.remove(write)
            self.acked[write.what] = self.bump(write.what)


class NoLease(Fleet):
    def made(self) -> Near:
        return Near(most_entries=10, most_bytes=1_000_000, lease=FAR)


class NoHold(Fleet):
    lease = 0.0


class NoFence(Fleet):
    def reply(self) -> None:
        _, what, generation = self.looked.pop(0)
        self.near._heard.clear()
        self.near.put(self.near.fence(), held(what, generation, fields=(what,)))


class NoWrites(Fleet):
    """What is on its way is not asked about and not heard."""

    def hear(self, count: int) -> None:
        for _ in range(min(count, len(self.server.stream))):
            kind, *rest = self.server.stream.popleft()
            if kind == "proven":
                rest[1] = ()
            if kind != "began":
                getattr(self.near, str(kind))(*rest)


class Trusting(Mortal):
    """A refusal is taken for proof however long nothing was certain before it."""

    def is_refused(self, seconds: float) -> None:
        self.near._certain_at = self.now
        super().is_refused(seconds)


class Blind(Mortal):
    """In the dark it is forgotten what was on its way."""

    def is_refused(self, seconds: float) -> None:
        self.near._writes.clear()
        super().is_refused(seconds)


class Hasty(Mortal):
    """That Redis was there is proof, whichever it was."""

    def land(self) -> None:
        self.landing[0].life = self.server.life
        super().land()


SOME = settings(max_examples=300, stateful_step_count=40, deadline=None)


@pytest.mark.parametrize("fleet", [Fleet, Mortal])
def test_however_late_the_stream_nothing_acknowledged_is_missing_from_what_is_served(
    fleet: type[Fleet],
) -> None:
    run_state_machine_as_test(fleet, settings=SOME)


START = ("connect", "beat", "hear 5", "look a", "reply")
"""A copy is held, and proven."""

STORIES: dict[type[Fleet], tuple[str, ...]] = {
    NoLease: ("breaks", "write a", "land"),
    NoHold: ("write a", "land"),
    NoFence: ("look a", "write a", "land", "hear 5", "reply", "beat", "hear 5"),
    NoWrites: ("write a", "time_passes 0.1", "beat", "hear 5", "land"),
    Trusting: ("breaks", "write a", "land", "dies", "notices 0", "is_refused 0.0"),
    Blind: (
        *("write a", "hear 5", "time_passes 0.35", "beat", "hear 5", "renew"),
        *("dies", "notices 0", "is_refused 0.0", "answer_without_redis"),
    ),
    Hasty: (
        *("breaks", "write a", "dies", "notices 0", "is_refused 0.0", "time_passes 0.1", "is_refused 0.0"),
        *("comes_back 1", "land"),
    ),
}


def told(fleet: Fleet, story: tuple[str, ...]) -> None:
    for step in (*START, *story):
        name, _, value = step.partition(" ")
        number = float(value) if value.replace(".", "").isdigit() else value
        getattr(fleet, name)(*([int(number) if number in range(9) else number] if value else []))
        fleet.nothing_is_served_that_lacks_an_acknowledged_write()


@pytest.mark.parametrize("sabotaged", STORIES)
def test_without_any_one_of_its_parts_an_acknowledged_write_is_missing(sabotaged: type[Fleet]) -> None:
    """The same story harms nobody where nothing is left out."""
    told(Mortal(), STORIES[sabotaged])
    with pytest.raises(AssertionError):
        told(sabotaged(), STORIES[sabotaged])
