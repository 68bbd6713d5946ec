"""The map of an account: which event types, hosts, teams and settings there are, as far as answers told."""

from calcom.account.facts import (
    NO_PARENT,
    NO_SCHEDULE,
    AccountMap,
    EventTypeFacts,
    Promises,
    ScheduleFacts,
    TeamFacts,
    UserFacts,
    Window,
    conflict_set,
)
from calcom.account.forgetting import forget
from calcom.account.learning import learn
from calcom.account.resolving import resolve

__all__ = [
    "NO_PARENT",
    "NO_SCHEDULE",
    "AccountMap",
    "EventTypeFacts",
    "Promises",
    "ScheduleFacts",
    "TeamFacts",
    "UserFacts",
    "Window",
    "conflict_set",
    "forget",
    "learn",
    "resolve",
]
