"""Facts to judge and to render: a world where all is well, to be bent by `dataclasses.replace`."""

from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from exporters.collectors.breaker import BreakerFacts
from exporters.collectors.budget import BudgetFacts, CredentialBudget
from exporters.collectors.cache import CacheFacts
from exporters.collectors.jobs import JobFacts
from exporters.layout import CURRENT
from exporters.merge import Merged, SlotReader, SlotState
from monitor.collecting import Outcome
from monitor.facts import Build, Facts, IndexFact

NOW = 1_800_000_000.0
BUILD = Build("1.2.3", "unknown", "3.11.7")

T = TypeVar("T")


def good(value: T, at: float = NOW) -> Outcome[T]:
    return Outcome(value, success=True, duration=0.002, last_success=at, finished=at)


def failed(outcome: Outcome[T], error: str = "connection refused", last: float = 0.0) -> Outcome[T]:
    return replace(outcome, success=False, error=error, last_success=last)


def merged(*programs: str) -> Merged:
    slots = tuple(
        SlotState(p, i, 100 + i, 0, NOW - 60, NOW - 0.5, alive=True, clean=False)
        for i, p in enumerate(programs)
    )
    return Merged((0,) * CURRENT.counts, (0.0,) * CURRENT.sums, (0.0,) * CURRENT.gauges, slots)


def read(directory: Path) -> Merged:
    reader = SlotReader(directory)
    try:
        return reader.read(NOW)
    finally:
        reader.close()


BUDGET = CredentialBudget("c1", 120, 41, 60, 61.0, 0.0, NOW - 30)

WELL = Facts(
    now=NOW,
    slots=good(merged("proxy", "proxy", "worker")),
    budget=good(BudgetFacts((BUDGET,))),
    cache=good(CacheFacts(1209)),
    jobs=good(JobFacts(workers=1)),
    breaker=good(BreakerFacts()),
)

INDEXES = (
    IndexFact("Booking", "Booking_start_idx", True, True),
    IndexFact("Booking", "gone_idx", False, False),
)
