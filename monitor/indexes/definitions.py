"""The report's eight indexes (section 1.1) and the three queries it judges them by (section 1.2), as data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class IndexSpec:
    """An index that is expected: a plain B-tree over `columns`, in this order."""

    name: str
    table: str
    columns: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class SentinelQuery:
    """A query whose plan shows whether an index does its work.

    `sample` selects the parameters of `text` from the data itself, one row with a column for each of them, and
    no row when the table is empty. Unqualified table names: the connection's search_path says which are meant.
    """

    name: str
    index: str
    sample: str
    text: str
    why: str


INDEXES: tuple[IndexSpec, ...] = (
    IndexSpec(
        "idx_appts_service_start", "appointments", ("service_id", "starts_at"),
        "overlap check of one service: a range scan that needs no sort",
    ),
    IndexSpec(
        "idx_appts_branch_status_start", "appointments", ("branch_id", "status", "starts_at"),
        "a branch's calendar by status and time",
    ),
    IndexSpec(
        "idx_appts_calcom_id", "appointments", ("calcom_booking_id",),
        "the appointment a webhook speaks of",
    ),
    IndexSpec("idx_staff_branch_active", "staff", ("branch_id", "is_active"), "who works at a branch"),
    IndexSpec("idx_staff_calcom_user", "staff", ("calcom_user_id",), "the person a Cal.com host is"),
    IndexSpec(
        "idx_services_calcom_event", "services", ("calcom_event_type_id",),
        "the service an event type sells; asked twice by every invalidation",
    ),
    IndexSpec(
        "idx_services_active_duration", "services", ("is_active", "duration_minutes"),
        "bookable services by length",
    ),
    IndexSpec(
        "idx_branches_company_active", "branches", ("company_id", "is_active"), "a company's open branches"
    ),
)  # fmt: skip

QUERIES: tuple[SentinelQuery, ...] = (
    SentinelQuery(
        "service_by_event_type",
        "idx_services_calcom_event",
        "SELECT calcom_event_type_id FROM services WHERE calcom_event_type_id IS NOT NULL LIMIT 1",
        "SELECT * FROM services WHERE calcom_event_type_id = {}",
        "service lookup by event type",
    ),
    SentinelQuery(
        "appointment_overlap",
        "idx_appts_service_start",
        "SELECT service_id, date_trunc('day', starts_at) + interval '9 hours',"
        " date_trunc('day', starts_at) + interval '17 hours'"
        " FROM appointments WHERE service_id IS NOT NULL AND starts_at IS NOT NULL LIMIT 1",
        "SELECT * FROM appointments WHERE service_id = {} AND starts_at BETWEEN {} AND {} ORDER BY starts_at",
        "what one service has booked on one day",
    ),
    SentinelQuery(
        "appointment_by_booking",
        "idx_appts_calcom_id",
        "SELECT calcom_booking_id FROM appointments WHERE calcom_booking_id IS NOT NULL LIMIT 1",
        "SELECT * FROM appointments WHERE calcom_booking_id = {}",
        "appointment a webhook speaks of",
    ),
)
