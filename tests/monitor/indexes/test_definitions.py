"""The report's section 1, word for word."""

from monitor.indexes.definitions import INDEXES, QUERIES

REPORT = """
idx_appts_service_start (service_id, starts_at)
idx_appts_branch_status_start (branch_id, status, starts_at)
idx_appts_calcom_id (calcom_booking_id)
idx_staff_branch_active (branch_id, is_active)
idx_staff_calcom_user (calcom_user_id)
idx_services_calcom_event (calcom_event_type_id)
idx_services_active_duration (is_active, duration_minutes)
idx_branches_company_active (company_id, is_active)
"""


def test_they_are_the_eight_of_the_report() -> None:
    assert [f"{spec.name} ({', '.join(spec.columns)})" for spec in INDEXES] == REPORT.strip().splitlines()
    tables = {"appts": "appointments", "staff": "staff", "services": "services", "branches": "branches"}
    assert all(spec.table == tables[spec.name.split("_")[1]] for spec in INDEXES)


def test_every_query_expects_an_index_that_is_kept() -> None:
    assert len(QUERIES) == 3
    assert {query.index for query in QUERIES} < {spec.name for spec in INDEXES}
