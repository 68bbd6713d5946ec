from collections.abc import Iterator
from pathlib import Path

import pytest

from calcom.paths import Breaker
from exporters.merge import merge
from exporters.slots import WorkerSlot
from proxy.breaker.machine import State
from proxy.governor.purpose import Purpose
from proxy.telemetry import Telemetry


@pytest.fixture
def telemetry(tmp_path: Path) -> Iterator[Telemetry]:
    with WorkerSlot.open(tmp_path, 0, "proxy") as slot:
        slot.beat(1_000.0)
        yield Telemetry(slot)


def value(folder: Path, name: str, **labels: str) -> float:
    found = [
        sample.value
        for family in merge(folder, now=1_000.0)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]
    return sum(found)


def test_a_request_is_in_flight_until_it_is_over(telemetry: Telemetry, tmp_path: Path) -> None:
    telemetry.began("slots")
    assert value(tmp_path, "calgate_http_requests_in_flight", route="slots") == 1
    telemetry.ended("slots", 200, "hit", 0.01)
    assert value(tmp_path, "calgate_http_requests_in_flight", route="slots") == 0
    assert value(tmp_path, "calgate_http_requests_total", route="slots", code_class="2xx") == 1
    count = "calgate_http_request_duration_seconds_count"
    assert value(tmp_path, count, route="slots", outcome="hit") == 1


def test_a_client_that_left_has_no_code(telemetry: Telemetry, tmp_path: Path) -> None:
    telemetry.began("other_read")
    telemetry.ended("other_read", 0, "error", 0.1)
    assert value(tmp_path, "calgate_http_requests_total", route="other_read", code_class="none") == 1


@pytest.mark.parametrize(
    ("outcome", "counted"), [("hit", "refused"), ("error", "error"), ("pass", "refused")]
)
def test_an_outcome_a_route_cannot_have_is_counted_as_the_nearest(
    telemetry: Telemetry, tmp_path: Path, outcome: str, counted: str
) -> None:
    telemetry.answered("invalid", 400, outcome, 0.0)
    count = "calgate_http_request_duration_seconds_count"
    assert value(tmp_path, count, route="invalid", outcome=counted) == 1


def test_what_happened_is_what_is_counted(telemetry: Telemetry, tmp_path: Path) -> None:
    telemetry.served_from_cache(3.0)
    telemetry.looked_up("miss")
    telemetry.coalesced("shared")
    telemetry.filled("miss", "fenced", 0.5)
    telemetry.invalidated(applied=True)
    telemetry.invalidated(applied=False)
    telemetry.called("slots", Purpose.REVALIDATE, 429, "client_error", 0.1)
    telemetry.waited_for_budget(Purpose.WARM, 0.2)
    telemetry.denied("c1", Purpose.AUDIT)
    telemetry.breaker_moved(Breaker.SLOTS, State.OPEN)
    telemetry.rejected(Breaker.WRITES)
    telemetry.lagged(0.01)
    for name, labels in [
        ("calgate_cache_lookups_total", {"result": "hit"}),
        ("calgate_cache_lookups_total", {"result": "miss"}),
        ("calgate_cache_coalesced_requests_total", {"outcome": "shared"}),
        ("calgate_cache_fills_total", {"outcome": "fenced"}),
        ("calgate_cache_invalidations_total", {"outcome": "applied"}),
        ("calgate_cache_invalidations_total", {"outcome": "failed"}),
        ("calgate_jobs_enqueued_total", {}),
        (
            "calgate_upstream_requests_total",
            {"endpoint": "slots", "purpose": "revalidate", "code_class": "4xx"},
        ),
        ("calgate_upstream_rate_limited_total", {"endpoint": "slots"}),
        ("calgate_budget_wait_duration_seconds_count", {"purpose": "warm"}),
        ("calgate_budget_denied_total", {"credential": "c1", "purpose": "audit"}),
        ("calgate_breaker_transitions_total", {"endpoint": "slots", "to_state": "open"}),
        ("calgate_breaker_rejected_total", {"endpoint": "writes"}),
        ("calgate_worker_event_loop_lag_seconds_count", {}),
    ]:
        assert value(tmp_path, name, **labels) == 1, name
