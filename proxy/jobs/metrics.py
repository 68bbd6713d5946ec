"""Counts what happens to jobs in the worker's slot."""

from __future__ import annotations

from exporters.slots import WorkerSlot
from proxy.jobs.job import Job

QUEUE = "jobs"


class SlotObserver:
    """An `Observer` that counts in `slot`; binds every series at once, so a wrong name fails at the start."""

    def __init__(self, slot: WorkerSlot) -> None:
        self._wait = slot.histogram("calgate_job_wait_duration_seconds", queue=QUEUE)
        self._duration = slot.histogram("calgate_job_duration_seconds", queue=QUEUE)
        self._finished = {
            outcome: slot.counter("calgate_jobs_finished_total", queue=QUEUE, outcome=outcome)
            for outcome in ("ok", "retried", "dead")
        }
        self._removed = slot.counter("calgate_cache_invalidated_keys_total", trigger="job")

    def started(self, job: Job, waited_seconds: float) -> None:
        self._wait.observe(waited_seconds)

    def tried(self, job: Job, seconds: float) -> None:
        self._duration.observe(seconds)

    def settled(self, job: Job, outcome: str) -> None:
        self._finished[outcome].inc()

    def removed(self, keys: int) -> None:
        self._removed.inc(keys)
