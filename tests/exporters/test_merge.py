import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest
from prometheus_client.core import Metric as Family
from prometheus_client.exposition import choose_encoder, generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from exporters.catalogue import CATALOGUE
from exporters.merge import LEASE_SECONDS, SlotReader, merge
from exporters.slots import WorkerSlot
from tests.tools import require_tool

REQUESTS = "calgate_http_requests_total"
IN_FLIGHT = "calgate_http_requests_in_flight"
WORKER_METRICS = [m for m in CATALOGUE if m.source == "worker"]


class Fixed:
    def __init__(self, families: Iterable[Family]) -> None:
        self._families = list(families)

    def collect(self) -> list[Family]:
        return self._families


def test_with_no_worker_at_all_every_worker_series_is_zero(tmp_path: Path) -> None:
    found = merge(tmp_path / "absent", 0.0)
    assert [f.name for f in found] == [m.name.removesuffix("_total") for m in WORKER_METRICS]
    for metric, family in zip(WORKER_METRICS, found, strict=True):
        name = f"{metric.name}_count" if metric.kind == "histogram" else metric.name
        rows = [tuple(s.labels[label] for label in metric.labels) for s in family.samples if s.name == name]
        assert rows == list(metric.series())
        assert {s.value for s in family.samples} == {0}


def test_sixteen_slots_add_up(tmp_path: Path) -> None:
    slots = [WorkerSlot.open(tmp_path, i, "proxy") for i in range(16)]
    for i, slot in enumerate(slots):
        slot.beat(100.0)
        slot.counter(REQUESTS, route="slots", code_class="2xx").inc(i)
        slot.gauge(IN_FLIGHT, route="slots").set(i)
        slot.histogram("calgate_worker_event_loop_lag_seconds").observe(i / 10)
    reader = SlotReader(tmp_path)
    merged = reader.read(100.0)
    assert merged.value(REQUESTS) == merged.value(IN_FLIGHT) == sum(range(16))
    assert merged.value("calgate_worker_event_loop_lag_seconds") == 16
    assert sum(merged.sums) == pytest.approx(12.0)
    assert merged.alive("proxy") == 16
    assert [s.slot for s in merged.slots] == list(range(16))
    reader.close()
    for slot in slots:
        slot.close()


def test_a_slot_without_a_fresh_lease_keeps_its_counters_and_loses_its_gauges(tmp_path: Path) -> None:
    with WorkerSlot.open(tmp_path, 0, "proxy") as slot:
        slot.counter(REQUESTS, route="slots", code_class="2xx").inc(3)
        slot.gauge(IN_FLIGHT, route="slots").set(2)
        reader = SlotReader(tmp_path)
        assert reader.read(100.0).alive("proxy") == 0
        slot.beat(100.0)
        fresh = reader.read(100.0 + LEASE_SECONDS)
        stale = reader.read(100.5 + LEASE_SECONDS)
    assert (fresh.alive("proxy"), fresh.value(REQUESTS), fresh.value(IN_FLIGHT)) == (1, 3, 2)
    assert (stale.alive("proxy"), stale.value(REQUESTS), stale.value(IN_FLIGHT)) == (0, 3, 0)
    assert reader.read(100.0).alive("proxy") == 0  # closed: the lease was given up
    assert reader.read(100.0).value(REQUESTS) == 3
    reader.close()


def test_a_worker_of_another_program_is_no_gateway_worker(tmp_path: Path) -> None:
    with WorkerSlot.open(tmp_path, 0, "worker") as slot:
        slot.beat(100.0)
        reader = SlotReader(tmp_path)
        merged = reader.read(100.0)
        assert (merged.alive("proxy"), merged.alive("worker")) == (0, 1)
        reader.close()


def test_a_state_says_who_has_the_slot_since_when(tmp_path: Path) -> None:
    WorkerSlot.open(tmp_path, 7, "proxy").close()
    with WorkerSlot.open(tmp_path, 7, "proxy") as slot:
        slot.beat(100.0)
        slot.beat(104.0)
        reader = SlotReader(tmp_path)
        (state,) = reader.read(105.0).slots
        reader.close()
    assert (state.program, state.slot, state.restarts) == ("proxy", 7, 1)
    assert (state.started, state.beat, state.alive, state.clean) == (100.0, 104.0, True, False)


def test_a_clean_end_is_told_from_a_crash(tmp_path: Path) -> None:
    with WorkerSlot.open(tmp_path, 0, "proxy") as slot:
        slot.beat(100.0)
        reader = SlotReader(tmp_path)
        assert [(s.alive, s.clean) for s in reader.read(999.0).slots] == [(False, False)]
    assert [(s.alive, s.clean) for s in reader.read(999.0).slots] == [(False, True)]
    reader.close()


def test_a_reader_notices_new_slots_and_removed_files(tmp_path: Path) -> None:
    reader = SlotReader(tmp_path)
    assert reader.read(0.0).slots == ()
    WorkerSlot.open(tmp_path, 0, "proxy").close()
    assert len(reader.read(0.0).slots) == 1
    (tmp_path / "proxy-000.slot").unlink()
    assert reader.read(0.0).slots == ()
    reader.close()


def test_promtool_has_nothing_to_say(tmp_path: Path) -> None:
    promtool = require_tool("promtool", "prometheus")
    text = generate_latest(Fixed(merge(tmp_path, 0.0)))
    checked = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_the_openmetrics_form_is_parsed_by_its_reference_parser(tmp_path: Path) -> None:
    encode, _ = choose_encoder("application/openmetrics-text")
    text = encode(Fixed(merge(tmp_path, 0.0))).decode()
    parsed = list(text_string_to_metric_families(text))  # type: ignore[no-untyped-call]
    assert len(parsed) == len(WORKER_METRICS)
