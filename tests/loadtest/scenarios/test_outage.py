"""How calls at one moment are counted."""

import pytest

from loadtest.scenarios.outage import Seen, at_once


@pytest.mark.parametrize(
    ("calls", "most"),
    [
        ([], 0),
        ([(0, 1)], 1),
        ([(0, 1), (1, 2)], 1),
        ([(0, 2), (1, 3), (2, 4)], 2),
        ([(0, 9), (1, 2), (1, 3)], 3),
    ],
)
def test_the_most_at_one_moment(calls: list[tuple[float, float]], most: int) -> None:
    assert at_once([{"arrived_real": begun, "completed_real": over} for begun, over in calls]) == most


def test_only_an_answer_with_its_age_counts() -> None:
    seen = Seen()
    assert seen.answered() is None
    seen.looks.update({"with its age": 999, "503 calgate; detail=breaker": 1})
    assert seen.answered() == 99.9
