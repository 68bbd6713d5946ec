"""What a cal-api-version header means (contract 3)."""

import pytest

from calcom.simulator import versions


@pytest.mark.parametrize("known", sorted(versions.KNOWN))
def test_a_known_date_is_itself(known: str) -> None:
    assert versions.resolve(known.encode()) == known


@pytest.mark.parametrize("header", [None, b"", b"2024-01-01", b'"2024-09-04"', b"2024-09-04 "])
def test_missing_unknown_and_quoted_values_count_as_the_oldest(header: bytes | None) -> None:
    assert versions.resolve(header) == "2024-04-15"
