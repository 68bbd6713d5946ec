"""The judge: what a read had to show, and what it could show."""

from __future__ import annotations

import math

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.scenarios.judge import Lost, Reads, Timeline, Verdict, Write, digest_of, judge, landed


def data(name: int) -> dict[str, list[int]]:
    return {"day": [name]}


def body(name: int) -> bytes:
    return orjson.dumps({"status": "success", "data": data(name)})


def timeline(*changes: tuple[int, int]) -> Timeline:
    """(version, what is true from then on) ..."""
    return Timeline(
        tuple(version for version, _ in changes), tuple(digest_of(data(one)) for _, one in changes)
    )


# Version 5 was sent at 10 and acknowledged at 11, version 7 sent at 20 and acknowledged at 21.
WRITES = [Write(5, 10.0, 11.0), Write(7, 20.0, 21.0)]
CHANGES = timeline((0, 0), (5, 5), (7, 7))


def verdict_of(
    shown: int, started: float, ended: float | None = None, *, of: Timeline = CHANGES, grace: float = math.inf
) -> Verdict:
    reads = Reads()
    reads.add(0, body(shown), started, started if ended is None else ended, "hit")
    return judge(reads, {0: of}, WRITES, grace=grace)


@pytest.mark.parametrize(
    ("shown", "started", "ended", "stale"),
    [
        (0, 10.5, 10.6, 0),
        (0, 11.5, 11.6, 1),
        (5, 11.5, 11.6, 0),
        (5, 20.5, 30.0, 0),
        (5, 21.5, 21.6, 1),
        (7, 21.5, 21.6, 0),
        (7, 12.0, 13.0, 1),
        (7, 12.0, 20.1, 0),
        (99, 12.0, 12.1, 1),
    ],
)
def test_an_answer_is_held_against_what_was_acknowledged_and_what_was_asked_for(
    shown: int, started: float, ended: float, stale: int
) -> None:
    assert verdict_of(shown, started, ended).stale == stale


def test_a_write_that_was_never_acknowledged_may_be_missing_and_may_be_seen() -> None:
    of = timeline((0, 0), (6, 6))
    assert verdict_of(0, 30.0, of=of).stale == 0
    assert verdict_of(6, 30.0, of=of).stale == 0


def test_after_the_grace_a_write_that_was_never_acknowledged_must_be_seen() -> None:
    """Version 6 was certainly made when 7 was acknowledged, at 21."""
    of = timeline((0, 0), (6, 6))
    assert verdict_of(0, 30.0, of=of, grace=10.0).stale == 0
    assert verdict_of(0, 31.5, of=of, grace=10.0).stale == 1


LEASE = 12.0


@pytest.mark.parametrize(
    ("answered", "made", "seen_from"),
    [
        pytest.param(True, 31.0, 32.0, id="in doubt: the cache was emptied before the gateway said so"),
        pytest.param(True, 33.0, 45.0, id="made after the gateway had given up"),
        pytest.param(False, 31.0, 44.0, id="its process died: the intent's lease runs out"),
        pytest.param(False, 33.0, 45.0, id="made after its process had died"),
    ],
)
def test_a_write_that_was_lost_must_be_seen_in_the_end(answered: bool, made: float, seen_from: float) -> None:
    lost = [Lost("one", 30.0, 32.0, answered), Lost("another", 30.0, 32.0, answered)]
    (write,) = landed(lost, {"one": (9, made), "somebody else's": (8, 1.0)}, LEASE)
    assert write == Write(9, 30.0, seen_from)
    for started, stale in ((seen_from - 0.5, 0), (seen_from + 0.5, 1)):
        reads = Reads()
        reads.add(0, body(0), started, started, "hit")
        verdict = judge(reads, {0: timeline((0, 0), (9, 9))}, WRITES, lost=[write])
        assert (verdict.stale, verdict.orphaned) == (stale, stale)


def test_a_lost_write_may_be_seen_as_soon_as_it_was_sent_and_never_before() -> None:
    lost = landed([Lost("one", 30.0, 32.0, answered=False)], {"one": (9, 31.0)}, LEASE)
    for shown_at, stale in ((29.0, 1), (30.5, 0)):
        reads = Reads()
        reads.add(0, body(9), shown_at, shown_at, "hit")
        assert judge(reads, {0: timeline((0, 0), (9, 9))}, WRITES, lost=lost).stale == stale


def test_a_later_write_known_does_not_demand_an_earlier_one_still_on_its_way() -> None:
    writes = [Write(7, 5.0, 6.0), Write(5, 4.0, 9.0)]
    reads = Reads()
    reads.add(0, body(0), 7.0, 7.1, "hit")
    assert judge(reads, {0: timeline((0, 0), (5, 5))}, writes).stale == 0
    assert judge(reads, {0: timeline((0, 0), (7, 7))}, writes).stale == 1


def test_what_became_true_again_is_no_proof_of_staleness() -> None:
    assert verdict_of(0, 25.0, of=timeline((0, 0), (5, 5), (7, 0))).stale == 0


def test_an_example_says_what_was_shown_and_what_was_due() -> None:
    (example,) = verdict_of(0, 21.5).examples
    assert (example.shown, example.floor, example.late_seconds) == (0, 7, 0.5)


def test_reads_right_after_a_change_are_counted_apart() -> None:
    assert verdict_of(7, 21.5).sharp == 1
    assert verdict_of(7, 23.0).sharp == 0
    assert verdict_of(0, 5.0).after_ack == 0


def test_answers_that_differ_only_in_spelling_are_one() -> None:
    reads = Reads()
    reads.add(0, b'{"status": "success", "data": {"a": [1], "b": []}}', 1.0, 1.0, "hit")
    reads.add(0, b'{"data":{"b":[],"a":[1]},"status":"success"}', 1.0, 1.0, "hit")
    assert len(reads.digests) == 1


def test_merging_keeps_every_read_and_its_answer() -> None:
    one, other = Reads(), Reads()
    one.add(0, body(5), 11.5, 11.6, "hit")
    other.add(0, body(0), 11.5, 11.6, "uri-miss")
    other.add(0, body(5), 11.5, 11.6, "hit")
    one.merge(other)
    assert judge(one, {0: CHANGES}, WRITES).stale == 1
    assert one.words == {"hit": 2, "uri-miss": 1}


@given(
    st.lists(st.tuples(st.floats(0, 10), st.floats(0, 5)), min_size=1, max_size=8),
    st.data(),
)
def test_a_reader_that_sees_all_that_is_committed_is_never_stale(
    spans: list[tuple[float, float]], draw: st.DataObject
) -> None:
    """Commits in order of version, each between its write's sending and its acknowledgement."""
    commits = sorted(started + length / 2 for started, length in spans)
    writes = [
        Write(number, at - draw.draw(st.floats(0, 3)), at + draw.draw(st.floats(0, 3)))
        for number, at in enumerate(commits, start=1)
    ]
    of = timeline((0, 0), *((write.version, write.version) for write in writes))
    reads = Reads()
    moment = draw.draw(st.floats(0, 20))
    shown = sum(at <= moment for at in commits)
    before, after = draw.draw(st.floats(0, 3)), draw.draw(st.floats(0, 3))
    reads.add(0, body(shown), moment - before, moment + after, "hit")
    assert judge(reads, {0: of}, writes).stale == 0
