import pytest

from calcom import envelope
from proxy import refusals
from proxy.refusals import BudgetSpent, CircuitOpen, NotSent, Refused, Settling, ShareSpent


def every() -> list[type[Refused]]:
    return [
        kind
        for kind in vars(refusals).values()
        if isinstance(kind, type)
        and issubclass(kind, Refused)
        and kind not in (Refused, NotSent, BudgetSpent, ShareSpent)
    ]


@pytest.mark.parametrize("kind", every())
def test_the_docstring_is_the_message_and_the_reason_is_its_own(kind: type[Refused]) -> None:
    assert kind().message == kind.__doc__
    assert kind.status in envelope.CODES
    assert [other.reason for other in every()].count(kind.reason) == 1


@pytest.mark.parametrize(
    ("seconds", "header"), [(0.0, b"1"), (0.2, b"1"), (1.0, b"1"), (1.01, b"2"), (59.2, b"60")]
)
def test_coming_back_when_told_is_never_too_early(seconds: float, header: bytes) -> None:
    assert CircuitOpen(retry_after=seconds).headers() == [(b"retry-after", header)]


def test_without_a_time_none_is_claimed() -> None:
    assert Settling().headers() == []


def test_a_spent_budget_tells_all_that_calcom_would() -> None:
    refusal = BudgetSpent(limit=120, retry_after=3.2, blocked=False)
    assert refusal.message == "Calgate - All 120 calls a minute are spent. Please try again in 4 seconds."
    assert dict(refusal.headers()) == {
        b"retry-after": b"4",
        b"x-ratelimit-limit-default": b"120",
        b"x-ratelimit-remaining-default": b"0",
        b"x-ratelimit-reset-default": b"4",
    }
    assert "blocks" in BudgetSpent(limit=120, retry_after=3, blocked=True).message
