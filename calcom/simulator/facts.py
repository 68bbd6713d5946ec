"""Webhook facts: which changes Cal.com tells about (contract 7). Payloads are built elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from calcom.simulator.model import Booking, OutOfOffice

Trigger = Literal[
    "BOOKING_CREATED",
    "BOOKING_RESCHEDULED",
    "BOOKING_REQUESTED",
    "BOOKING_CANCELLED",
    "BOOKING_REJECTED",
    "BOOKING_NO_SHOW_UPDATED",
    "INSTANT_MEETING",
    "OOO_CREATED",
    "MEETING_STARTED",
    "MEETING_ENDED",
]


@dataclass(frozen=True, slots=True)
class WebhookFact:
    """One thing a webhook tells, in the order of commits.

    `version` is the world version that caused it (for MEETING_* the version current at `created_at`).
    `previous` is the booking left behind by a reschedule (its old start and end). `extra` holds
    `cancellationReason`, `cancelledBy`, `requestReschedule`, `rejectionReason`, `attendees` where they apply.
    """

    trigger: Trigger
    created_at: datetime
    version: int
    booking: Booking | None = None
    previous: Booking | None = None
    out_of_office: OutOfOffice | None = None
    extra: Mapping[str, object] = field(default_factory=dict, hash=False)
