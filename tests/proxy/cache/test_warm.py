"""What is being looked at is asked for again when it is outdated, and nothing else is."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from calcom import ratelimit
from calcom.paths import classify
from core.clock import FakeClock
from proxy.cache.fetch import Ask, _never
from proxy.cache.serving import Show, whole
from proxy.cache.warm import GAP, HOT_SECONDS, Warm
from proxy.upstream import Call

ASK = Ask(
    "d",
    "span",
    Call("GET", b"/v2/slots", [], ratelimit.credential({}), classify("GET", "/v2/slots")),
    ("*", "t7", "7:100", "7:101"),
    _never,
)


class Asked:
    """Remembers what was asked for again."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.calls: list[tuple[str, int]] = []
        self.gate: asyncio.Event | None = None
        self.warm = Warm(self.again, self.clock)

    async def again(self, ask: Ask, show: Show, generation: int) -> None:
        self.calls.append((ask.digest, generation))
        if self.gate is not None:
            await self.gate.wait()


async def test_what_was_looked_at_is_asked_for_when_a_field_of_it_is_written() -> None:
    asked = Asked()
    asked.warm.looked(ASK, whole)
    asked.warm.looked(replace(ASK, digest="other", fields=("*", "t8", "8:100")), whole)
    asked.warm.bumped(5, ["7:101", "?", "T7"])
    await asked.clock.settle()
    assert asked.calls == [("d", 5)]
    asked.warm.bumped(6, ["7:102", "?", "T7"])
    await asked.clock.advance(GAP)
    assert asked.calls == [("d", 5)]
    asked.warm.bumped(7, ["*"])
    await asked.clock.settle()
    assert asked.calls == [("d", 5), ("d", 7), ("other", 7)]


async def test_what_nobody_looked_at_lately_is_left_alone() -> None:
    asked = Asked()
    asked.warm.looked(ASK, whole)
    await asked.clock.advance(HOT_SECONDS + 1)
    asked.warm.bumped(5, ["7:101"])
    await asked.clock.settle()
    assert asked.calls == []


async def test_of_a_window_only_the_days_that_were_looked_at_lately_matter() -> None:
    asked = Asked()
    asked.warm.looked(replace(ASK, part=("*", "t7", "7:100")), whole)
    await asked.clock.advance(HOT_SECONDS - 1)
    asked.warm.looked(replace(ASK, part=("*", "t7", "7:101")), whole)
    await asked.clock.advance(2)
    asked.warm.bumped(5, ["7:100", "?", "T7"])
    await asked.clock.settle()
    assert asked.calls == []
    asked.warm.bumped(6, ["7:101", "?", "T7"])
    await asked.clock.settle()
    assert asked.calls == [("d", 6)]


async def test_writes_in_a_row_cost_one_more_call_after_a_while_which_knows_them_all() -> None:
    asked = Asked()
    asked.gate = asyncio.Event()
    asked.warm.looked(ASK, whole)
    for generation in range(5, 9):
        asked.warm.bumped(generation, ["7:101"])
        await asked.clock.settle()
    assert asked.calls == [("d", 5)]
    asked.gate.set()
    await asked.clock.settle()
    assert asked.calls == [("d", 5)], "not sooner than that"
    await asked.clock.advance(GAP)
    assert asked.calls == [("d", 5), ("d", 8)]
    await asked.clock.advance(10 * GAP)
    assert len(asked.calls) == 2
    asked.warm.bumped(9, ["7:101"])
    await asked.clock.settle()
    assert asked.calls[-1] == ("d", 9)


async def test_it_does_not_grow_without_end() -> None:
    asked = Asked()
    for number in range(1000):
        asked.warm.looked(replace(ASK, digest=str(number)), whole)
    asked.warm.bumped(5, ["*"])
    await asked.clock.settle()
    assert 100 < len(asked.calls) < 1000
    assert ("999", 5) in asked.calls
