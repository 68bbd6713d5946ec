import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from exporters.catalogue import CATALOGUE, Metric
from exporters.layout import CURRENT, Layout
from exporters.merge import SlotReader
from exporters.slots import SlotError, WorkerSlot, merge

REQUESTS = "calgate_http_requests_total"
DURATION = "calgate_http_request_duration_seconds"
IN_FLIGHT = "calgate_http_requests_in_flight"
RESTARTS = "calgate_worker_restarts_total"
ROOT = Path(__file__).parents[2]


@contextmanager
def writer(directory: Path, slot: int) -> Iterator["subprocess.Popen[str]"]:
    """A process that counts in a slot as fast as it can."""
    script = Path(__file__).with_name("writer.py")
    process = subprocess.Popen(
        [sys.executable, str(script), str(directory), str(slot)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    with process, process.stdout:
        try:
            assert process.stdout.readline() == "counting\n"
            yield process
        finally:
            process.kill()


def total(directory: Path, name: str, now: float = 1_000.0, **labels: str) -> float:
    reader = SlotReader(directory)
    try:
        return reader.read(now).value(name, **labels)
    finally:
        reader.close()


def test_a_count_survives_the_slot_being_closed_and_opened(tmp_path: Path) -> None:
    with WorkerSlot.open(tmp_path, 0, "proxy") as slot:
        slot.counter(REQUESTS, route="slots", code_class="2xx").inc(41)
    with WorkerSlot.open(tmp_path, 0, "proxy") as slot:
        slot.counter(REQUESTS, route="slots", code_class="2xx").inc()
    assert total(tmp_path, REQUESTS) == 42


def test_kill_9_while_counting_loses_nothing_that_was_seen(tmp_path: Path) -> None:
    seen = 0.0
    for _ in range(3):
        with writer(tmp_path, 0) as process:
            for _ in range(50):
                now = total(tmp_path, REQUESTS, route="slots")
                assert now >= seen
                seen = now
            process.kill()
            process.wait()
        after = total(tmp_path, REQUESTS, route="slots")
        assert after >= seen
        # The request is counted before its duration: a kill between the two may part them by one.
        assert 0 <= after - total(tmp_path, DURATION, route="slots") <= 6
        seen = after
    assert total(tmp_path, RESTARTS, why="crashed") == 2


def test_a_restart_tells_a_crash_from_a_planned_end(tmp_path: Path) -> None:
    with writer(tmp_path, 0):
        pass
    WorkerSlot.open(tmp_path, 0, "proxy").close()
    WorkerSlot.open(tmp_path, 0, "proxy").close()
    assert total(tmp_path, RESTARTS, why="crashed") == 1
    assert total(tmp_path, RESTARTS, why="planned") == 1


def test_the_first_start_of_a_slot_is_no_restart(tmp_path: Path) -> None:
    WorkerSlot.open(tmp_path, 0, "proxy").close()
    assert total(tmp_path, RESTARTS) == 0


def test_a_slot_has_one_writer_at_a_time(tmp_path: Path) -> None:
    with (
        WorkerSlot.open(tmp_path, 3, "proxy"),
        pytest.raises(SlotError, match=r"proxy-003 .* in use by another live process: stop that one, or"),
    ):
        WorkerSlot.open(tmp_path, 3, "proxy")


def test_a_slot_of_another_process_is_refused_until_that_is_killed(tmp_path: Path) -> None:
    with writer(tmp_path, 1), pytest.raises(SlotError, match="in use"):
        WorkerSlot.open(tmp_path, 1, "proxy")
    WorkerSlot.open(tmp_path, 1, "proxy").close()


def test_programs_have_slots_of_their_own(tmp_path: Path) -> None:
    with WorkerSlot.open(tmp_path, 0, "proxy") as proxy, WorkerSlot.open(tmp_path, 0, "worker") as worker:
        proxy.counter(REQUESTS, route="slots", code_class="2xx").inc()
        worker.counter(REQUESTS, route="slots", code_class="2xx").inc()
    assert total(tmp_path, REQUESTS) == 2


@pytest.mark.parametrize(
    ("program", "slot"), [("Proxy", 0), ("../x", 0), ("", 0), ("proxy", -1), ("proxy", 256)]
)
def test_a_name_that_cannot_be_one_is_refused(tmp_path: Path, program: str, slot: int) -> None:
    with pytest.raises(SlotError, match="no such worker slot"):
        WorkerSlot.open(tmp_path, slot, program)


@pytest.mark.parametrize(
    ("kind", "name", "labels", "message"),
    [
        ("counter", "calgate_nonsense_total", {}, "no worker metric is called"),
        ("counter", "calgate_cache_keys", {"scope": "slots"}, "no worker metric is called"),
        ("counter", DURATION, {"route": "slots", "outcome": "hit"}, "is a histogram, not a counter"),
        ("counter", REQUESTS, {"route": "slots"}, r"has the labels \['route', 'code_class'\]"),
        (
            "counter",
            REQUESTS,
            {"route": "slots", "code_class": "6xx"},
            "code_class='6xx' is none of 1xx, 2xx",
        ),
        ("histogram", DURATION, {"route": "invalid", "outcome": "hit"}, "this combination cannot happen"),
        ("gauge", IN_FLIGHT, {"route": "nowhere"}, "route='nowhere' is none of slots, "),
    ],
)
def test_binding_says_what_is_wrong(
    tmp_path: Path, kind: str, name: str, labels: dict[str, str], message: str
) -> None:
    with WorkerSlot.open(tmp_path, 0, "proxy") as slot, pytest.raises(SlotError, match=message):
        getattr(slot, kind)(name, **labels)


def test_an_observation_on_an_edge_falls_into_the_bucket_below_it(tmp_path: Path) -> None:
    with WorkerSlot.open(tmp_path, 0, "proxy") as slot:
        duration = slot.histogram(DURATION, route="slots", outcome="miss")
        for seconds in (4.0, 4.0001, 99.0):
            duration.observe(seconds)
    found = {f.name: f for f in merge(tmp_path, 0.0)}[DURATION]
    own = [s for s in found.samples if s.labels.get("route") == "slots" and s.labels.get("outcome") == "miss"]
    value = {(s.name.removeprefix(DURATION), s.labels.get("le")): s.value for s in own}
    assert value["_bucket", "3.0"] == 0
    assert value["_bucket", "4.0"] == 1
    assert value["_bucket", "5.0"] == 2
    assert value["_bucket", "30.0"] == 2
    assert value["_bucket", "+Inf"] == 3
    assert value["_count", None] == 3
    assert value["_sum", None] == pytest.approx(107.0001)


def test_a_gauge_starts_at_zero_with_each_process(tmp_path: Path) -> None:
    with WorkerSlot.open(tmp_path, 0, "proxy") as slot:
        slot.gauge(IN_FLIGHT, route="slots").set(9)
    with WorkerSlot.open(tmp_path, 0, "proxy") as slot:
        slot.beat(1_000.0)
        slot.gauge(IN_FLIGHT, route="slots").add(2)
        slot.gauge(IN_FLIGHT, route="slots").add(-1)
        assert total(tmp_path, IN_FLIGHT) == 1


def test_bound_metrics_stop_when_the_slot_is_closed(tmp_path: Path) -> None:
    slot = WorkerSlot.open(tmp_path, 0, "proxy")
    counter = slot.counter(REQUESTS, route="slots", code_class="2xx")
    assert repr(slot) == f"<WorkerSlot proxy-0 pid={os.getpid()}>"
    slot.close()
    slot.close()
    assert repr(slot) == "<WorkerSlot proxy-0 closed>"
    with pytest.raises(ValueError, match="released"):
        counter.inc()


def other_version() -> Layout:
    """A layout with other metrics before, between and after; one is gone and one has moved its buckets."""
    kept = [m for m in CATALOGUE if m.name != "calgate_jobs_enqueued_total"]
    moved = [
        Metric(m.name, m.kind, m.help, m.labels, (1.0, 2.0), m.unit)
        if m.name == "calgate_job_duration_seconds"
        else m
        for m in kept
    ]
    return Layout.of([Metric("calgate_new_total", "counter", "New.", {"a": ("x", "y")}), *reversed(moved)])


def test_a_new_version_carries_its_counts_over_by_name(tmp_path: Path) -> None:
    older = other_version()
    with WorkerSlot.open(tmp_path, 0, "proxy", layout=older) as slot:
        slot.counter(REQUESTS, route="gateway", code_class="5xx").inc(5)
        slot.histogram(DURATION, route="slots", outcome="hit").observe(0.3)
        slot.counter("calgate_new_total", a="y").inc(9)
        slot.histogram("calgate_job_duration_seconds", queue="jobs").observe(1.5)
    # Read before the new version opens it, as after a downsize; then taken over.
    for _ in range(2):
        assert total(tmp_path, REQUESTS, route="gateway", code_class="5xx") == 5
        assert total(tmp_path, DURATION, outcome="hit") == 1
        assert total(tmp_path, "calgate_job_duration_seconds") == 0
        WorkerSlot.open(tmp_path, 0, "proxy").close()
    assert total(tmp_path, RESTARTS, why="planned") == 2
    assert not list(tmp_path.glob("*.new"))


def test_a_reader_follows_a_slot_into_its_new_layout(tmp_path: Path) -> None:
    reader = SlotReader(tmp_path)
    with WorkerSlot.open(tmp_path, 0, "proxy", layout=other_version()) as slot:
        slot.counter(REQUESTS, route="slots", code_class="2xx").inc(5)
        assert reader.read(0.0).value(REQUESTS) == 5
    with WorkerSlot.open(tmp_path, 0, "proxy") as slot:
        slot.counter(REQUESTS, route="slots", code_class="2xx").inc(1)
        assert reader.read(0.0).value(REQUESTS) == 6
    reader.close()


class Slots(RuleBasedStateMachine):
    """Workers start, count, end, crash and are replaced by another version; a reader watches all along."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory(prefix="cg-slots-")
        self.path = Path(self.directory.name)
        self.reader = SlotReader(self.path)
        self.open: dict[int, WorkerSlot] = {}
        self.counted = 0

    @rule(slot=st.integers(0, 3), older=st.booleans())
    def start(self, slot: int, older: bool) -> None:
        if slot not in self.open:
            self.open[slot] = WorkerSlot.open(
                self.path, slot, "proxy", layout=other_version() if older else CURRENT
            )

    @rule(slot=st.integers(0, 3), n=st.integers(0, 2**40))
    def count(self, slot: int, n: int) -> None:
        if slot in self.open:
            self.open[slot].counter(REQUESTS, route="slots", code_class="2xx").inc(n)
            self.counted += n

    @rule(slot=st.integers(0, 3), crash=st.booleans())
    def end(self, slot: int, crash: bool) -> None:
        if slot in self.open:
            gone = self.open.pop(slot)
            if crash:
                os.close(gone._lock)  # what the kernel does to a killed process
                gone._file.close()
            else:
                gone.close()

    @invariant()
    def the_sum_is_exact(self) -> None:
        assert self.reader.read(0.0).value(REQUESTS) == self.counted

    def teardown(self) -> None:
        for slot in self.open.values():
            slot.close()
        self.reader.close()
        self.directory.cleanup()


Slots.TestCase.settings = settings(max_examples=30, stateful_step_count=20, deadline=None)
TestSlots = Slots.TestCase


@pytest.mark.parametrize(
    "content",
    [b"", b"short", b"\0" * 4096, b"CALGATE1" + b"\0" * 4096],
    ids=["empty", "short", "zeros", "no regions"],
)
def test_a_file_that_is_no_slot_file_is_named_with_the_way_out(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "proxy-000.slot"
    path.write_bytes(content)
    with pytest.raises(SlotError, match=r"proxy-000\.slot is not a slot file: .*; remove it"):
        WorkerSlot.open(tmp_path, 0, "proxy")
    with pytest.raises(SlotError, match="remove it"):
        merge(tmp_path, 0.0)
    path.unlink()
    WorkerSlot.open(tmp_path, 0, "proxy").close()


def test_a_truncated_slot_file_is_refused_not_read_past_its_end(tmp_path: Path) -> None:
    WorkerSlot.open(tmp_path, 0, "proxy").close()
    path = tmp_path / "proxy-000.slot"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(SlotError, match="contradicts its header"):
        WorkerSlot.open(tmp_path, 0, "proxy")


def test_a_crash_while_the_file_was_being_made_leaves_no_trace(tmp_path: Path) -> None:
    (tmp_path / "proxy-000.new").write_bytes(b"half")
    with WorkerSlot.open(tmp_path, 0, "proxy") as slot:
        slot.counter(REQUESTS, route="slots", code_class="2xx").inc()
    assert total(tmp_path, REQUESTS) == 1
