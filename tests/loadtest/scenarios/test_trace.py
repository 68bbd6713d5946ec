"""The trace, and what others would make of it."""

import random
from datetime import date

import pytest

from loadtest.scenarios.trace import Look, Seen, by_url, looks

TODAY = date(2026, 11, 2)


def test_looks_come_at_the_rate_overlap_and_stay_within_the_horizon() -> None:
    made = list(looks(100.0, 50.0, TODAY, random.Random(1)))
    assert len(made) == pytest.approx(5_000, rel=0.1)
    assert [one.at for one in made] == sorted(one.at for one in made)
    assert {one.ahead for one in made} == set(range(28))
    assert made == list(looks(100.0, 50.0, TODAY, random.Random(1)))


def test_a_cache_by_url_calls_once_for_each_url_and_lifetime() -> None:
    asked = [Look(0, "a", 0), Look(1, "b", 0), Look(59, "a", 0), Look(60, "a", 0), Look(61.5, "b", 0)]
    assert by_url(asked, 60.0) == 4
    assert by_url([], 60.0) == 0


def test_one_that_shows_nothing_taken_calls_again_for_the_urls_that_show_the_day() -> None:
    asked = [Look(at, target, ahead, 7) for at in (0, 10) for target, ahead in (("week", 0), ("next", 7))]
    assert by_url(asked, 60.0) == 2
    assert by_url(asked, 60.0, [(5.0, 3)]) == 3
    assert by_url(asked, 60.0, [(5.0, 3), (6.0, 3), (5.0, 7)]) == 4
    assert by_url(asked, 60.0, [(11.0, 3)]) == 2


def test_only_a_hit_was_not_waited_for() -> None:
    """`fwd=stale` says that there was an older answer, and that Cal.com was asked all the same."""
    seen = Seen()
    seen.all.update({"hit": 3, "stale": 1})
    assert seen.share(seen.all) == 75
    assert seen.share(seen.far) is None
