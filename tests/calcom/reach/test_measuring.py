"""In the report's setting a booking drops few answers, and all that had to go are among them."""

from __future__ import annotations

from calcom.account import Promises
from tests.calcom.reach.measuring import services

SMART_CLEAR = 32
"""Keys that the report's own better way drops on average, which misses what its day and hour do not show."""


def test_with_plain_round_robins_no_write_drops_more_than_the_report_and_none_drops_too_little() -> None:
    row = services(1, Promises(plain_round_robins=frozenset({106, 116})))
    assert max(row.keys) <= SMART_CLEAR
    assert row.changed > row.writes
    assert row.missed == 0


def test_without_promises_more_is_dropped_and_nothing_is_missed() -> None:
    row = services(2)
    assert row.missed == 0
    assert row.dropped < row.writes * 90
