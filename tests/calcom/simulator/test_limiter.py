"""The limiter is Cal.com's, hit for hit (contract 2)."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calcom.simulator.limiter import Figures, Limit, Limiter

DEFAULT = Limit("default", 120, 60.0, 60.0)
SMALL = Limit("default", 3, 60.0, 60.0)
#: Unix seconds, so that rounding is tried where floats are coarse.
T0 = 1_767_600_000.123


def outcomes(limiter: Limiter, times: Sequence[float], *limits: Limit) -> str:
    """One letter per hit: y passes, n is refused."""
    return "".join("y" if limiter.hit("k", limits, T0 + t).allowed else "n" for t in times)


def headers(limiter: Limiter, time: float, *limits: Limit) -> dict[str, str]:
    return {k.decode(): v.decode() for k, v in limiter.hit("k", limits, T0 + time).headers}


def test_the_hit_after_the_limit_is_refused() -> None:
    assert outcomes(Limiter(), [0.1 * n for n in range(121)], DEFAULT) == "y" * 120 + "n"


def test_the_window_opens_with_the_first_hit_and_not_with_the_clock() -> None:
    # A sliding window would refuse the hit at 61 s; one aligned to the minute would allow the one at 59.9 s.
    assert outcomes(Limiter(), [0, 58, 59, 60, 61, 62], SMALL) == "yyyyyy"
    assert outcomes(Limiter(), [0, 58, 59, 59.9], SMALL) == "yyyn"


def test_twice_the_limit_passes_around_a_boundary() -> None:
    assert outcomes(Limiter(), [0, 59.8, 59.9, 60, 60.1, 60.2, 60.3], SMALL) == "yyyyyyn"


def test_a_window_that_nobody_used_opens_anew_at_the_next_hit() -> None:
    assert outcomes(Limiter(), [0, 100, 101, 102, 159.9, 160.1], SMALL) == "yyyynn"


def test_every_request_is_refused_while_the_block_lives() -> None:
    limiter = Limiter()
    assert outcomes(limiter, [0, 1, 2, 3], SMALL) == "yyyn"
    # The window is over at 60, the block only at 63.
    assert outcomes(limiter, [59, 60.5, 62.9], SMALL) == "nnn"
    assert outcomes(limiter, [63.0], SMALL) == "y"


def test_hits_during_a_block_count_and_set_the_next_block() -> None:
    limiter = Limiter()
    assert outcomes(limiter, [0, 1, 2, 3], SMALL) == "yyyn"
    # Four hits in the window that opens at 60 while blocked: above the limit when the block ends at 63.
    assert outcomes(limiter, [60, 60.1, 60.2, 60.3], SMALL) == "nnnn"
    assert outcomes(limiter, [63.1], SMALL) == "n"
    assert limiter.figures()["k"].blocks == 2
    # Silence ends it.
    assert outcomes(limiter, [123.2], SMALL) == "y"


def test_few_hits_during_a_block_only_use_up_the_next_window() -> None:
    limiter = Limiter()
    assert outcomes(limiter, [0, 1, 2, 3], SMALL) == "yyyn"
    assert outcomes(limiter, [60, 61], SMALL) == "nn"
    assert outcomes(limiter, [63, 64], SMALL) == "yn"


def test_headers_count_down_and_tell_whole_seconds_to_the_end_of_the_window() -> None:
    limiter = Limiter()
    assert headers(limiter, 0, SMALL) == {
        "X-RateLimit-Limit-Default": "3",
        "X-RateLimit-Remaining-Default": "2",
        "X-RateLimit-Reset-Default": "60",
    }
    assert headers(limiter, 0.2, SMALL)["X-RateLimit-Reset-Default"] == "60"
    third = headers(limiter, 30.5, SMALL)
    assert (third["X-RateLimit-Remaining-Default"], third["X-RateLimit-Reset-Default"]) == ("0", "30")


def test_headers_of_a_block_tell_its_end() -> None:
    limiter = Limiter()
    outcomes(limiter, [0, 1, 2], SMALL)
    first = headers(limiter, 10, SMALL)
    assert (first["X-RateLimit-Remaining-Default"], first["X-RateLimit-Reset-Default"]) == ("0", "60")
    # At 61 a new window is open, but the block decides.
    assert headers(limiter, 61, SMALL)["X-RateLimit-Reset-Default"] == "9"


def test_a_request_is_refused_only_when_all_named_limits_are_blocked() -> None:
    short, long = Limit("short", 2, 1.0, 1.0), Limit("long", 4, 60.0, 60.0)
    limiter = Limiter()
    # From the third on `short` is blocked, but `long` is not before the fifth.
    assert outcomes(limiter, [0, 0.1, 0.2, 0.3, 0.4], short, long) == "yyyyn"
    # `short` is free again later, so the block of `long` alone does not refuse.
    assert outcomes(limiter, [5], short, long) == "y"


def test_each_named_limit_has_its_own_headers() -> None:
    names = headers(Limiter(), 0, Limit("short", 2, 1.0, 1.0), Limit("long", 4, 60.0, 60.0)).keys()
    assert {name.rpartition("-")[2] for name in names} == {"Short", "Long"}
    assert len(names) == 6


def test_a_side_limit_shows_its_name_with_a_capital() -> None:
    assert "X-RateLimit-Limit-Booking_guests_add" in headers(
        Limiter(), 0, Limit("booking_guests_add", 5, 60.0, 60.0)
    )


def test_buckets_do_not_share_hits() -> None:
    limiter = Limiter()
    for _ in range(4):
        limiter.hit("a", (SMALL,), T0)
    assert limiter.hit("b", (SMALL,), T0).allowed


def test_the_figures_are_what_the_bucket_saw_in_any_minute_and_second() -> None:
    limiter = Limiter()
    times = [0, 0.5, 1.0, 59.5, 60.0, 60.2, 60.4]
    outcomes(limiter, times, Limit("default", 5, 60.0, 60.0))
    assert limiter.figures() == {"k": Figures(hits=7, refused=0, blocks=0, max_in_60s=6, max_in_1s=4)}


def test_refusals_are_hits_too() -> None:
    limiter = Limiter()
    outcomes(limiter, [0, 1, 2, 3, 4], SMALL)
    assert limiter.figures()["k"] == Figures(hits=5, refused=2, blocks=1, max_in_60s=5, max_in_1s=1)


@pytest.mark.parametrize("seen_before", [True, False])
def test_a_block_on_command_lasts_as_long_as_it_was_told(seen_before: bool) -> None:
    limiter = Limiter()
    if seen_before:
        assert outcomes(limiter, [0], DEFAULT) == "y"
    limiter.block("k", T0 + 1, 10)
    assert outcomes(limiter, [2, 10.9, 11.1], DEFAULT) == "nny"


def test_a_reset_forgets_blocks() -> None:
    limiter = Limiter()
    outcomes(limiter, [0, 0, 0, 0], SMALL)
    limiter.reset()
    assert outcomes(limiter, [1], SMALL) == "y"


GAPS = st.lists(st.floats(min_value=0, max_value=30, allow_nan=False), max_size=80)


@given(GAPS)
def test_who_never_exceeds_the_limit_in_any_sliding_window_is_never_blocked(gaps: list[float]) -> None:
    limiter, now, sent = Limiter(), 0.0, list[float]()
    for gap in gaps:
        now += gap
        if sum(t > now - 60 for t in sent) >= SMALL.limit:
            now = sent[-SMALL.limit] + 60.001
        sent.append(now)
        assert limiter.hit("k", (SMALL,), T0 + now).allowed
    assert all(f.blocks == 0 for f in limiter.figures().values())


@given(GAPS)
def test_no_span_of_a_window_ever_lets_through_more_than_twice_the_limit(gaps: list[float]) -> None:
    limiter, now, passed = Limiter(), 0.0, list[float]()
    for gap in gaps:
        now += gap
        if limiter.hit("k", (SMALL,), T0 + now).allowed:
            passed.append(now)
    for start in passed:
        assert sum(start <= t < start + 59.999 for t in passed) <= 2 * SMALL.limit


@given(GAPS)
def test_a_refusal_always_says_how_long_silence_must_last(gaps: list[float]) -> None:
    limiter, now = Limiter(), 0.0
    for gap in gaps:
        now += gap
        verdict = limiter.hit("k", (SMALL,), T0 + now)
        if not verdict.allowed:
            reset = int(dict(verdict.headers)[b"X-RateLimit-Reset-Default"])
            assert 1 <= reset <= 60
            # Either the block is over then, or hits during it earned another.
            assert limiter.hit("k", (SMALL,), T0 + now + reset + 60).allowed
            return
