"""A short slice of the day that `soaking.py` plays, and its judge: it can fail."""

import pytest
from redis.asyncio import Redis

from loadtest.scenarios.budget_fleet import Tally
from tests.proxy.governor.soaking import CYCLE, Seen, play


@pytest.mark.parametrize(("name", "windows", "least"), [("alone", 5, 0.98), ("regular", 15, 0.84)])
async def test_a_slice_of_the_day_keeps_what_is_promised(
    redis: Redis, name: str, windows: int, least: float
) -> None:
    """The first time that somebody comes costs a block, which weighs more in a slice than in a day."""
    seen = await play(redis, name, windows * CYCLE, 1, lambda _: None)
    assert seen.broken(least) == []
    assert len(seen.tally.blocks) <= (name == "regular")
    assert seen.killed > 0


def test_the_judge_counts_each_promise() -> None:
    ours = [0.0] * 11 + [1 + at / 4 for at in range(110)]
    seen = Seen("regular", Tally(ours=ours, theirs=[3.0], blocks=[(5.0, True), (70.0, False)]), 0, 0.0, 120.0)
    assert seen.broken(0.6) == ["121 in 60 s", "11 in a second", "1 blocks by us", "only 50.63% used"]
    assert Seen("alone", Tally(ours=[1.0] * 10), 0, 0.0, 60.0).broken(0.0) == []


def test_windows_open_with_a_call_and_tell_who_took_what() -> None:
    tally = Tally(ours=[0.0, 59.0, 70.0], theirs=[1.0, 60.5])
    windows = Seen("regular", tally, 0, 0.0, 200.0).windows()
    assert [(one.opened, one.ours, one.theirs) for one in windows] == [(0.0, 2, 1), (60.5, 1, 1)]
