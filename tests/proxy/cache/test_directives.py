"""What clients demand, as RFC 9111 5.2.1 writes it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.cache.directives import NOTHING, Demand, demanded


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", NOTHING),
        ("no-cache", Demand(no_cache=True)),
        ("No-Cache", Demand(no_cache=True)),
        ("no-store, no-cache", Demand(no_cache=True, no_store=True)),
        ("max-age=0", Demand(max_age=0)),
        ('max-age="30"', Demand(max_age=30)),
        ("max-age=30, max-age=60", Demand(max_age=30)),
        ("max-stale", Demand(max_stale=math.inf)),
        ("max-stale=300,min-fresh=5", Demand(max_stale=300, min_fresh=5)),
        ("only-if-cached", Demand(only_if_cached=True)),
        ("max-age=soon, min-fresh=-1, max-stale=1.5, max-age", NOTHING),
        ("max-age=٣", NOTHING),
        ("max-age=" + "9" * 30, NOTHING),
        ("stale-if-error=60, private", NOTHING),
    ],
)
def test_directives_are_read_as_written(text: str, expected: Demand) -> None:
    assert demanded({"cache-control": text}) == expected


def test_pragma_counts_only_without_its_successor() -> None:
    assert demanded({"pragma": "no-cache"}) == Demand(no_cache=True)
    assert demanded({"pragma": "no-cache", "cache-control": "max-age=9"}) == Demand(max_age=9)
    assert demanded({}) == NOTHING


@given(st.text())
def test_no_text_breaks_the_reading(text: str) -> None:
    demanded({"cache-control": text})
