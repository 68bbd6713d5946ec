import pytest

from calcom import versions


@pytest.mark.parametrize("known", sorted(versions.KNOWN))
def test_a_known_version_is_applied(known: str) -> None:
    assert versions.effective(known) == known


@pytest.mark.parametrize(
    "odd", [None, "", '"2024-09-04"', "2024-09-04 ", "2024-9-4", "2099-01-01", "2024-09-04, x"]
)
def test_anything_else_is_read_as_the_oldest(odd: str | None) -> None:
    assert versions.effective(odd) == "2024-04-15"
