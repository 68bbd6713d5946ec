"""When and where a rule's scene is played."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from loadtest.scenarios.exposing import first_monday, targets_of
from loadtest.scenarios.rules import SCENES

FIRST, LAST = datetime(2024, 1, 1), datetime(2040, 1, 1)  # noqa: DTZ001  # as hypothesis wants them
MOMENTS = st.datetimes(FIRST, LAST, timezones=st.just(UTC))


@given(MOMENTS)
def test_scenes_are_played_on_a_monday_to_come_that_begins_a_month(now: datetime) -> None:
    """Those that count the days of a month need most of one, and what is cached must not be in the past."""
    start = first_monday(now)
    assert start > now
    assert (start - now).days <= 42
    assert start.weekday() == 0
    assert start.day <= 7


def test_every_day_of_every_watched_type_is_looked_at() -> None:
    targets = targets_of(SCENES["event-type-around"], datetime(2026, 3, 2, 6, tzinfo=UTC))
    assert len(targets) == len(set(targets)) == 64
    assert targets[0] == "/v2/slots?eventTypeId=102&start=2026-03-02&end=2026-03-02"
