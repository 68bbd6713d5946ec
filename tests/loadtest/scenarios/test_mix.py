"""The report's normal load, as requests."""

import random
from collections import Counter
from datetime import date

import pytest

from loadtest.scenarios.mix import SERVICES, Request, Seen, requests

TODAY = date(2026, 11, 2)


def test_of_five_requests_three_look_one_books_and_one_wants_other_times() -> None:
    made = list(requests(6_000.0, 50.0, TODAY, random.Random(1)))
    assert len(made) == pytest.approx(5_000, rel=0.1)
    assert [one.at for one in made] == sorted(one.at for one in made)
    kinds = Counter(one.kind for one in made)
    assert kinds["look"] / len(made) == pytest.approx(0.6, abs=0.03)
    assert kinds["booking"] / len(made) == pytest.approx(0.2, abs=0.03)
    assert {one.ahead for one in made} == set(range(30))
    assert sum(one.ahead < 4 for one in made) / len(made) == pytest.approx(0.6, abs=0.03)
    assert {one.service for one in made} == set(SERVICES)
    assert made == list(requests(6_000.0, 50.0, TODAY, random.Random(1)))


def test_a_look_is_at_one_day_and_other_times_are_looked_for_in_the_weeks_around() -> None:
    day = date(2026, 11, 19)  # a Thursday
    look = Request(0.0, "look", 105, day, 17)
    assert look.target == "/v2/slots?eventTypeId=105&start=2026-11-19&end=2026-11-19&timeZone=Europe/Berlin"
    others = Request(0.0, "alternatives", 105, day, 17)
    assert others.target == (
        "/v2/slots?eventTypeId=105&start=2026-11-15T23:00:00Z&end=2026-12-06T22:59:59Z&timeZone=Europe/Berlin"
    )
    same_week = Request(0.0, "alternatives", 105, date(2026, 11, 22), 20)
    assert same_week.target == others.target


def test_only_a_hit_was_not_waited_for() -> None:
    seen = Seen()
    seen.all.update({"hit": 3, "stale": 1})
    assert seen.share(seen.all) == 75
    assert seen.share(seen.far) is None
