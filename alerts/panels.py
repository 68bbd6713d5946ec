"""The panels that alerts point at.

Ids are part of every alert that was ever sent, so they never change meaning; the dashboards take them from
here.
"""

from enum import IntEnum

OVERVIEW_UID = "calgate-overview"
"""Identifier of the Overview dashboard in every link."""


class Panel(IntEnum):
    """Panel of the Overview dashboard that shows what an alert is about."""

    GATEWAY_UP = 1
    WINDOW_PEAK = 2
    BLOCKED = 3
    HIT_RATIO = 4
    OLDEST_PENDING = 5
    BREAKER = 6
    QUEUE_AGE = 7
    DEAD_JOBS = 8
    INDEXES = 9
    COLLECTORS = 10
