"""What counts the calls of the budget scenario, and its judge: it can fail."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from core.clock import FakeClock
from loadtest.scenarios.budget import Act, Plan, Seen, acts
from loadtest.scenarios.budget_fleet import Counted, Tally, most_in
from loadtest.scenarios.budget_process import Did


# In eighths of a second, which are added without rounding.
@given(st.lists(st.integers(0, 800), max_size=60).map(sorted), st.sampled_from([1.0, 7.5, 60.0]))
def test_the_most_in_any_span_is_what_counting_each_span_finds(eighths: list[int], seconds: float) -> None:
    times = [one / 8 for one in eighths]
    each = (sum(start <= at < start + seconds for at in times) for start in times)
    assert most_in(times, seconds) == max(each, default=0)


async def test_a_block_is_ours_when_we_went_on_after_an_answer_had_shown_the_other() -> None:
    clock = FakeClock()
    calcom = Counted(clock, 1)
    for _ in range(60):
        calcom.hit(ours=False)
        calcom.hit(ours=True)
    calcom.hit(ours=False)
    assert [went_on for _, went_on in calcom.tally.blocks] == [False]
    assert (calcom.tally.refused_theirs, calcom.tally.refused_ours) == (1, 0)
    await clock.advance(61)
    for _ in range(60):
        calcom.hit(ours=False)
    calcom._shown_at = clock.monotonic()
    await clock.advance(1)
    for _ in range(61):
        calcom.hit(ours=True)
    assert [went_on for _, went_on in calcom.tally.blocks] == [False, True]


def test_what_was_available_is_two_calls_a_second_less_what_others_took_and_a_block_is_a_loss() -> None:
    tally = Tally(ours=[float(at) for at in range(0, 240, 2)], theirs=[10.0] * 60, blocks=[(200.0, False)])
    seen = Seen(Act("beside another", 4, 1.0, {}, has_other=True), tally, Did(), 0, 0.0, 240.0)
    assert seen.used == 120 / (2 * 240 - 60)
    assert seen.blocks_by_us == 0
    alone = Seen(Act("alone", 4, 1.0, {}), tally, Did(), 0, 0.0, 240.0)
    assert alone.blocks_by_us == 1


def test_what_a_process_did_is_told_in_a_line() -> None:
    did = Did(granted=Counter({"booking": 2}), refused=Counter({"warm": 1}), by_share=3, waits=[0.5])
    total = Did(granted=Counter({"booking": 1}))
    total.add(Did.of(did.line()))
    assert total.granted == {"booking": 3}
    assert (total.refused["warm"], total.by_share, total.waits) == (1, 3, [0.5])


def test_bookings_are_never_compressed_and_redis_dies_only_when_asked() -> None:
    assert [(act.name, act.speed) for act in acts(Plan(speed=10))] == [
        ("alone", 10),
        ("beside another", 10),
        ("bookings first", 1),
    ]
    last = acts(Plan(booking_windows=0, kill_redis=600))[-1]
    assert (last.name, last.kill_redis) == ("Redis killed", 600)
