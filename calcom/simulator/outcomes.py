"""What a mutation is: a pure function from a state to an outcome, which the world commits as one version."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from calcom.simulator.facts import Trigger, WebhookFact
from calcom.simulator.model import Booking
from calcom.simulator.state import State

T = TypeVar("T")
UNCOMMITTED = -1


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """The next state, what to answer, and what webhooks tell of it (their version is filled in at commit)."""

    state: State
    result: T
    facts: tuple[WebhookFact, ...] = ()


def fact(
    trigger: Trigger,
    now: datetime,
    booking: Booking,
    previous: Booking | None = None,
    **extra: object,
) -> WebhookFact:
    """A fact about a booking."""
    return WebhookFact(trigger, now, UNCOMMITTED, booking, previous, extra=extra)
