"""Everything the monitor knows at one moment, and the metric families that say so."""

import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from prometheus_client.core import Metric as Family

from exporters import merge
from exporters.collectors import breaker, budget, cache, clients, jobs
from exporters.collectors.breaker import BreakerFacts
from exporters.collectors.budget import BudgetFacts
from exporters.collectors.cache import CacheFacts
from exporters.collectors.clients import ClientFacts
from exporters.collectors.jobs import JobFacts
from exporters.families import gauge, gauges
from exporters.merge import Merged
from monitor.collecting import Outcome

STORE_FRESH_SECONDS = 10.0
"""How old the last successful read of the store may be for the store to count as readable."""

DATABASE = "main"


@dataclass(frozen=True)
class Build:
    """What is running."""

    version: str
    revision: str
    python: str


@dataclass(frozen=True)
class IndexFact:
    """One expected index of the database."""

    relation: str
    index: str
    present: bool
    valid: bool


@dataclass(frozen=True)
class Facts:
    """The outcome of every collector at Unix time `now`; None where it was not asked for: no database, no clients."""

    now: float
    slots: Outcome[Merged]
    budget: Outcome[BudgetFacts]
    cache: Outcome[CacheFacts]
    jobs: Outcome[JobFacts]
    breaker: Outcome[BreakerFacts]
    database: Outcome[tuple[IndexFact, ...]] | None = None
    clients: Outcome[ClientFacts] | None = None

    def outcomes(self) -> dict[str, Outcome[Any]]:
        """Give every collector's outcome by its name in the catalogue."""
        found: dict[str, Outcome[Any]] = {
            "slots": self.slots,
            "budget": self.budget,
            "cache": self.cache,
            "jobs": self.jobs,
            "breaker": self.breaker,
        }
        if self.database is not None:
            found["database"] = self.database
        if self.clients is not None:
            found["clients"] = self.clients
        return found

    @property
    def store_readable(self) -> bool:
        """Whether the shared store was read just now; one answer of four is proof enough that it lives."""
        asked = (self.budget, self.cache, self.jobs, self.breaker)
        return any(o.success and self.now - o.last_success <= STORE_FRESH_SECONDS for o in asked)

    @property
    def complete(self) -> bool:
        """Whether every collector has had its first run, well or not."""
        return all(o.finished for o in self.outcomes().values())


def this_build() -> Build:
    """Read the installed version; a wheel knows no revision."""
    try:
        found = version("calgate")
    except PackageNotFoundError:
        found = "unknown"
    return Build(found, "unknown", platform.python_version())


def families(facts: Facts, build: Build) -> list[Family]:
    """Give everything to expose: what workers counted, what the store told, what the monitor knows of itself.

    A fact that was never read has no series: an invented 0 would look like health.
    """
    found: list[Family] = []
    merged = facts.slots.value
    if merged is not None:
        found += merge.families(merged)
        found.append(gauge("calgate_workers_alive", merged.alive("proxy")))
    if facts.budget.value is not None:
        found += budget.families(facts.budget.value)
    if facts.cache.value is not None:
        found += cache.families(facts.cache.value)
    if facts.jobs.value is not None:
        found += jobs.families(facts.jobs.value)
    if facts.breaker.value is not None:
        found += breaker.families(facts.breaker.value)
    if facts.clients is not None and facts.clients.value is not None:
        found += clients.families(facts.clients.value)
    if facts.database is not None:
        found += _database(facts.database)
    found += _own(facts, build)
    series = sum(len(family.samples) for family in found) + 1
    return [*found, gauge("calgate_monitor_series", series)]


def _database(outcome: Outcome[tuple[IndexFact, ...]]) -> list[Family]:
    indexes = [
        ({"db": DATABASE, "relation": one.relation, "index": one.index}, one) for one in outcome.value or ()
    ]
    return [
        gauge("calgate_db_up", float(outcome.success), db=DATABASE),
        gauges("calgate_db_index_present", [(labels, float(one.present)) for labels, one in indexes]),
        gauges("calgate_db_index_valid", [(labels, float(one.valid)) for labels, one in indexes]),
    ]


def _own(facts: Facts, build: Build) -> list[Family]:
    ran = {name: o for name, o in facts.outcomes().items() if o.finished}
    return [
        gauge("calgate_up", float(facts.store_readable)),
        gauge("calgate_build_info", 1, version=build.version, revision=build.revision, python=build.python),
        gauges(
            "calgate_monitor_collector_duration_seconds",
            [({"collector": name}, o.duration) for name, o in ran.items()],
        ),
        gauges(
            "calgate_monitor_collector_success",
            [({"collector": name}, float(o.success)) for name, o in ran.items()],
        ),
        gauges(
            "calgate_monitor_collector_last_success_timestamp_seconds",
            [({"collector": name}, o.last_success) for name, o in ran.items()],
        ),
    ]
