"""The report's own keys, and what its better way clears of them."""

from datetime import UTC, date, datetime, timedelta

import pytest

from loadtest.scenarios.invalidation import is_cleared, report_keys

TODAY = date(2026, 3, 2)


def test_there_are_as_many_keys_as_the_report_counts() -> None:
    keys = report_keys(TODAY)
    assert len(keys) == 340
    assert sum(is_hour for _, is_hour in keys.values()) == 280


@pytest.mark.parametrize(("ahead", "cleared"), [(2, 2 * 2 + 2 * 4 * 4), (9, 2 * 2), (6, 2 * 2 + 4 * 4)])
def test_its_better_way_clears_two_days_and_four_hours_of_each(ahead: int, cleared: int) -> None:
    """Within the week hours are kept; on its last day the next has none."""
    booked = datetime(2026, 3, 2, 12, 0, tzinfo=UTC) + timedelta(days=ahead)
    assert sum(is_cleared(*key, booked) for key in report_keys(TODAY).values()) == cleared
