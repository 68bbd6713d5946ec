"""The tally counts what a client can see, and nothing is rounded away."""

import pytest

from loadtest.stats import Cached, Outcome, Tally, cached, quantile


@pytest.mark.parametrize(
    ("header", "meaning"),
    [
        ("calgate; hit", Cached.HIT),
        ("calgate; hit; ttl=41", Cached.HIT),
        ("calgate; hit; ttl=-3", Cached.STALE),
        ("calgate;hit;ttl=-3;detail=upstream-down", Cached.STALE),
        ("calgate; fwd=uri-miss; stored", Cached.MISS),
        ("calgate; fwd=stale; fwd-status=200", Cached.MISS),
        ("calgate; fwd=uri-miss; collapsed", Cached.COALESCED),
        ("calgate; fwd=uri-miss; collapsed=?0", Cached.MISS),
        ("calgate; fwd=method", Cached.BYPASS),
        ("calgate; fwd=bypass", Cached.BYPASS),
        ("Cloudflare; fwd=miss, calgate; hit", Cached.HIT),
        ("calgate", Cached.NONE),
        ("", Cached.NONE),
        (None, Cached.NONE),
    ],
)
def test_cache_status_is_read_as_rfc_9211_says(header: str | None, meaning: Cached) -> None:
    assert cached(header) is meaning


def outcome(
    *,
    status: int = 200,
    answer: Cached = Cached.HIT,
    action: str = "slots",
    late: float = 0.0,
    took: float = 1.0,
) -> Outcome:
    error = None if status else "TimedOut"
    return Outcome(
        action, "availability", "GET", "/", status, answer, 100.0, 100.0 + late, 100.0 + late + took, error
    )


def test_latency_counts_from_when_a_request_was_due() -> None:
    delayed = outcome(late=2.0, took=0.5)
    assert (delayed.latency, delayed.service) == (2.5, 0.5)


def test_only_answered_reads_count_in_the_hit_ratio() -> None:
    tally = Tally()
    assert tally.hit_ratio is None
    for answer in (Cached.HIT, Cached.STALE, Cached.COALESCED, Cached.MISS):
        tally.record(outcome(answer=answer))
    tally.record(outcome(status=429, answer=Cached.NONE))
    tally.record(outcome(status=0, answer=Cached.NONE))
    tally.record(outcome(action="create", status=201, answer=Cached.BYPASS))
    assert tally.hit_ratio == 0.5
    assert tally.served_without_a_call == 3
    assert (tally.requests, tally.unanswered) == (7, 1)
    assert tally.errors == {"TimedOut": 1}


def test_a_quantile_is_a_value_that_was_seen() -> None:
    values = [5.0, 1.0, 3.0, 2.0, 4.0]
    assert [quantile(values, share) for share in (0.2, 0.5, 0.95, 1.0)] == [1.0, 3.0, 5.0, 5.0]
    assert quantile([], 0.5) is None
    with pytest.raises(ValueError, match="above 0"):
        quantile(values, 0)
