import pytest
from hypothesis import given
from hypothesis import strategies as st

from calcom.paths import classify
from proxy.governor.purpose import Purpose, Reserves, purpose_of


@pytest.mark.parametrize(
    ("method", "path", "purpose"),
    [
        ("POST", "/v2/bookings", Purpose.BOOKING),
        ("POST", "/v2/bookings/abc/reschedule", Purpose.BOOKING),
        ("POST", "/v2/bookings/abc/cancel", Purpose.BOOKING),
        ("POST", "/v2/slots/reservations", Purpose.BOOKING),
        ("DELETE", "/v2/slots/reservations/abc", Purpose.BOOKING),
        ("GET", "/v2/bookings", Purpose.INTERACTIVE),
        ("GET", "/v2/slots", Purpose.INTERACTIVE),
        ("PATCH", "/v2/event-types/1", Purpose.INTERACTIVE),
    ],
)
def test_what_books_or_holds_a_time_comes_before_what_looks(method: str, path: str, purpose: Purpose) -> None:
    assert purpose_of(classify(method, path)) is purpose


def test_every_class_has_a_rank_and_a_letter_of_its_own() -> None:
    assert [one.rank for one in Purpose] == list(range(len(Purpose)))
    assert len({one.letter for one in Purpose}) == len(Purpose)


@given(st.integers(0, 40), st.integers(0, 35))
def test_more_is_kept_from_each_class_than_from_the_one_above_and_never_everything(
    booking: int, interactive: int
) -> None:
    reserves = Reserves(booking, interactive)
    kept = [reserves.kept_from(one) for one in Purpose]
    assert kept[0] == 0
    assert kept == sorted(kept)
    assert kept[-1] < 100
