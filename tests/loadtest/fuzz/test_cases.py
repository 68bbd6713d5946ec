"""What is sent."""

from random import Random

from loadtest.fuzz.cases import LAST, case, cut, spoiled
from loadtest.fuzz.reference import read


def test_a_case_is_the_same_for_ever_and_unlike_the_next() -> None:
    assert case(1, 7) == case(1, 7)
    assert len({case(1, number).data for number in range(50)}) == 50


def test_many_cases_are_unsound_and_many_are_not() -> None:
    reasons = [read(case(1, number).data)[1] for number in range(300)]
    for reason in ("last", "malformed", "incomplete"):
        assert reasons.count(reason) > 3, reason


def test_pieces_are_the_whole() -> None:
    dice = Random(3)
    for _ in range(50):
        data = spoiled(LAST, dice)
        assert b"".join(cut(data, dice)) == data
