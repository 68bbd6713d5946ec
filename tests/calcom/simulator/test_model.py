"""What records say of themselves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from calcom.simulator.model import Credential, Limits
from tests.calcom.simulator.worlds import book, small_world


def test_a_limit_is_set_if_any_period_has_one() -> None:
    assert not Limits()
    assert Limits(week=0)
    assert [Limits(1, 2, 3, 4).of(period) for period in ("day", "week", "month", "year")] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("status", "live"),
    [
        ("accepted", True),
        ("pending", True),
        ("awaiting_host", True),
        ("cancelled", False),
        ("rejected", False),
    ],
)
def test_a_booking_is_live_while_it_may_take_place(status: str, live: bool) -> None:
    booking = book(small_world(), "2026-03-03T10:00")
    assert replace(booking, status=status).live is live  # type: ignore[arg-type]


def test_a_key_is_never_printed() -> None:
    assert "secret" not in repr(Credential("cal_live_secret", 1))
