from dataclasses import replace
from pathlib import Path

import pytest

from exporters.slots import WorkerSlot
from monitor.history import EVERY_SECONDS, SPAN_SECONDS, History, Sample, compare, take
from tests.monitor.worlds import NOW, read

ZERO = Sample(NOW, 0, 0, 0, 0, 0, 0, (0,) * 17)


def later(sample: Sample, **counted: float) -> Sample:
    new = {name: getattr(sample, name) + by for name, by in counted.items()}
    return replace(sample, at=sample.at + EVERY_SECONDS, **new)


def test_one_sample_tells_nothing() -> None:
    history = History()
    assert history.traffic() is None
    history.add(ZERO)
    assert history.traffic() is None


def test_ratios_are_of_sums_not_means_of_ratios() -> None:
    busy = later(ZERO, lookups=1000, hits=900)
    quiet = later(busy, lookups=1, hits=0)
    traffic = compare((ZERO, busy, quiet))
    assert traffic.hit_ratio == pytest.approx(900 / 1001)
    assert traffic.hit_ratio_series == (0.9, 0.0)


def test_a_step_without_lookups_has_no_ratio() -> None:
    traffic = compare((ZERO, later(ZERO, requests=10)))
    assert (traffic.hit_ratio, traffic.hit_ratio_series) == (None, (None,))
    assert (traffic.requests, traffic.requests_series) == (10, (2.0,))
    assert (traffic.in_time_ratio, traffic.within_seconds) == (None, None)


def test_the_share_in_time_is_exact_because_the_objective_is_a_bucket_edge() -> None:
    # 19 requests up to 4 s, one above.
    durations = [0] * 17
    durations[9], durations[10] = 19, 1
    traffic = compare((ZERO, replace(later(ZERO, requests=20), durations=tuple(durations))))
    assert traffic.in_time_ratio == 0.95
    assert traffic.within_seconds == 4.0


def test_slower_than_every_edge_has_no_bound() -> None:
    traffic = compare((ZERO, replace(later(ZERO), durations=(*(0,) * 16, 3))))
    assert (traffic.in_time_ratio, traffic.within_seconds) == (0.0, None)


def test_the_ring_spans_five_minutes() -> None:
    history = History()
    sample = ZERO
    for _ in range(500):
        sample = later(sample, requests=1)
        history.add(sample)
    traffic = history.traffic()
    assert traffic is not None
    assert traffic.span_seconds == SPAN_SECONDS
    assert traffic.requests == SPAN_SECONDS / EVERY_SECONDS


def test_a_clock_set_back_begins_the_history_anew() -> None:
    history = History()
    history.add(later(ZERO, requests=5))
    history.add(ZERO)
    assert history.traffic() is None


def test_a_sample_leaves_health_checks_out(tmp_path: Path) -> None:
    with WorkerSlot.open(tmp_path, 0, "proxy") as slot:
        for route, code in (
            ("slots", "2xx"),
            ("bookings_write", "5xx"),
            ("gateway", "2xx"),
            ("invalid", "4xx"),
        ):
            slot.counter("calgate_http_requests_total", route=route, code_class=code).inc()
        for result in ("hit", "negative_hit", "miss", "bypass"):
            slot.counter("calgate_cache_lookups_total", scope="slots", result=result).inc()
        slot.histogram("calgate_http_request_duration_seconds", route="gateway", outcome="pass").observe(1)
        slot.histogram("calgate_http_request_duration_seconds", route="slots", outcome="hit").observe(99)
    sample = take(read(tmp_path), NOW)
    assert (sample.requests, sample.failed, sample.lookups, sample.hits) == (2, 1, 3, 2)
    assert sample.durations == (*(0,) * 16, 1)
