"""What works behind the scenes: jobs, database, the monitor itself."""

from alerts.objectives import OBJECTIVES
from alerts.panels import Panel
from dashboards.bands.shared import RECENT
from dashboards.limits import limits
from dashboards.panels import Band, Query, Tile
from dashboards.queries import age, increase, per_minute, quantile, series


def jobs() -> Band:
    """The clean-up queue."""
    return Band(
        "Jobs",
        (
            Tile(
                Panel.QUEUE_AGE,
                "graph",
                "Oldest job waiting",
                f"Its age. {OBJECTIVES['queue_recovery'].statement}",
                "CalgateQueueBacklog",
                "s",
                (Query(age(series("jobs_oldest_pending_timestamp_seconds"), "queue"), "{{queue}}"),),
                limits("queue_recovery"),
            ),
            Tile(
                Panel.DEAD_JOBS,
                "graph",
                "Jobs given up",
                OBJECTIVES["dead_jobs"].statement,
                "CalgateDeadJobs",
                "short",
                (Query(f"max by (queue) ({series('jobs_dead')})", "{{queue}}"),),
                limits("dead_jobs"),
            ),
            Tile(
                150,
                "graph",
                "Jobs waiting, workers alive",
                "Length of the queue and who works on it.",
                "CalgateQueueBacklog",
                "short",
                (
                    Query(f"max by (queue) ({series('jobs_pending')})", "waiting: {{queue}}"),
                    Query(f"max by (queue) ({series('job_workers_alive')})", "workers: {{queue}}"),
                ),
            ),
            Tile(
                151,
                "graph",
                "Jobs per minute",
                "Accepted, and finished by outcome.",
                "CalgateDeadJobs",
                "cpm",
                (
                    Query(per_minute("jobs_enqueued_total", "queue"), "accepted"),
                    Query(per_minute("jobs_finished_total", "outcome"), "{{outcome}}"),
                ),
                width=12,
            ),
            Tile(
                152,
                "graph",
                "Job wait and run time",
                f"P95 over {RECENT}.",
                "CalgateQueueBacklog",
                "s",
                (
                    Query(quantile(0.95, "job_wait_duration_seconds", RECENT), "wait"),
                    Query(quantile(0.95, "job_duration_seconds", RECENT), "run"),
                ),
                width=12,
            ),
        ),
        collapsed=True,
    )


def database() -> Band:
    """The indexes the report asks for."""
    words = ((0, "missing or invalid", "red"), (1, "in use", "green"))
    return Band(
        "Database",
        (
            Tile(
                Panel.INDEXES,
                "timeline",
                "Expected indexes",
                "Whether each index is there and the planner may use it.",
                "CalgateIndexMissing",
                "short",
                (
                    Query(
                        f"min by (relation, index) ({series('db_index_present')})"
                        f" * min by (relation, index) ({series('db_index_valid')})",
                        "{{relation}}: {{index}}",
                    ),
                ),
                states=words,
                width=16,
                height=9,
            ),
            Tile(
                160,
                "timeline",
                "Database reached",
                "Whether the last collection reached it.",
                "CalgateCollectorFailing",
                "short",
                (Query(f"min by (db) ({series('db_up')})", "{{db}}"),),
                states=((0, "no", "red"), (1, "yes", "green")),
                height=9,
            ),
        ),
        collapsed=True,
    )


def monitor() -> Band:
    """Whether the figures above can be trusted."""
    return Band(
        "The monitor and the processes themselves",
        (
            Tile(
                Panel.COLLECTORS,
                "timeline",
                "Collectors",
                "Whether each collector's last run succeeded.",
                "CalgateCollectorFailing",
                "short",
                (Query(f"min by (collector) ({series('monitor_collector_success')})", "{{collector}}"),),
                states=((0, "fails", "red"), (1, "works", "green")),
            ),
            Tile(
                170,
                "graph",
                "Time per collection",
                "How long each collector's last run took.",
                "CalgateCollectorFailing",
                "s",
                (
                    Query(
                        f"max by (collector) ({series('monitor_collector_duration_seconds')})",
                        "{{collector}}",
                    ),
                ),
            ),
            Tile(
                171,
                "graph",
                "Age of collected figures",
                "Seconds since each collector last succeeded.",
                "CalgateCollectorFailing",
                "s",
                (
                    Query(
                        "time() - max by (collector)"
                        f" ({series('monitor_collector_last_success_timestamp_seconds')})",
                        "{{collector}}",
                    ),
                ),
            ),
            Tile(
                172,
                "graph",
                "Processes started again",
                f"Restarts in {RECENT}, by reason. {OBJECTIVES['worker_crashes'].statement}",
                "CalgateDown",
                "short",
                (Query(f"sum by (why) ({increase('worker_restarts_total', RECENT)})", "{{why}}"),),
                width=12,
            ),
            Tile(
                173,
                "graph",
                "Version",
                "Processes' version over time; a step is a deploy.",
                "CalgateDown",
                "short",
                (
                    Query(
                        f"count by (version, revision) ({series('build_info')})", "{{version}} {{revision}}"
                    ),
                ),
                width=12,
            ),
        ),
        collapsed=True,
    )
