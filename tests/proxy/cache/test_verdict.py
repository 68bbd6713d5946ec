"""When an entry that no write has touched is served, and when it is asked for again."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.cache.directives import Demand
from proxy.cache.entry import Entry
from proxy.cache.verdict import Verdict, judge

ENTRY = Entry(b"", (), stored=100.0, fresh_until=160.0, usable_until=1000.0, cost=2.0)
SERVED = Verdict(serve=True, fallback=False)


def at(now: float, demand: Demand | None = None, *, luck: float = 1.0, entry: Entry = ENTRY) -> Verdict:
    return judge(entry, now, stale=30, eagerness=1.0, luck=luck, demand=demand or Demand())


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (100.0, Verdict(serve=True)),
        (159.9, Verdict(serve=True)),
        (160.0, Verdict(serve=True, refresh=True)),
        (189.9, Verdict(serve=True, refresh=True)),
        (190.0, Verdict(serve=False, fallback=True)),
        (999.9, Verdict(serve=False, fallback=True)),
        (1000.0, Verdict(serve=False, fallback=False)),
    ],
)
def test_an_entry_is_fresh_then_stale_then_a_last_resort_then_nothing(now: float, expected: Verdict) -> None:
    assert at(now) == expected


@pytest.mark.parametrize(
    ("demand", "now", "serve"),
    [
        (Demand(no_cache=True), 101, False),
        (Demand(max_age=10), 110, True),
        (Demand(max_age=10), 111, False),
        (Demand(min_fresh=20), 140, True),
        (Demand(min_fresh=20), 141, False),
        (Demand(max_stale=300), 400, True),
        (Demand(max_stale=300), 461, False),
        (Demand(max_stale=math.inf), 999, True),
        (Demand(max_stale=math.inf), 1001, False),
        (Demand(max_stale=0), 165, False),
        (Demand(max_age=80, max_stale=300), 175, True),
    ],
)
def test_a_client_may_ask_for_more_or_take_less(demand: Demand, now: float, *, serve: bool) -> None:
    assert at(now, demand).serve is serve


def test_who_wants_a_new_answer_is_never_given_an_old_one_instead() -> None:
    assert not at(500, Demand(no_cache=True)).fallback
    assert not at(500, Demand(max_age=10)).fallback


def test_an_early_refresh_comes_the_sooner_the_longer_it_takes() -> None:
    slow = replace(ENTRY, cost=5.0)
    assert not at(155.0, luck=0.2).refresh
    assert at(155.0, luck=0.2, entry=slow).refresh
    assert at(158.0, luck=0.2).refresh
    assert not judge(slow, 155.0, stale=30, eagerness=0.0, luck=0.2).refresh


def test_that_there_is_no_such_type_is_not_asked_for_again_early() -> None:
    assert not at(159.99, luck=0.0001, entry=replace(ENTRY, status=404)).refresh


@given(
    now=st.floats(100, 2000),
    luck=st.floats(1e-9, 1.0),
    demand=st.builds(
        Demand,
        no_cache=st.booleans(),
        max_age=st.none() | st.floats(0, 2000),
        max_stale=st.none() | st.floats(0, 2000),
        min_fresh=st.none() | st.floats(0, 2000),
    ),
)
def test_nothing_is_ever_served_that_may_no_longer_be_used(now: float, luck: float, demand: Demand) -> None:
    verdict = at(now, demand, luck=luck)
    if now >= ENTRY.usable_until or demand.no_cache:
        assert not verdict.serve
        assert not verdict.fallback
    if verdict.serve and demand.max_age is not None:
        assert now - ENTRY.stored <= demand.max_age
