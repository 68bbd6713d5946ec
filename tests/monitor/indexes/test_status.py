"""What is said of indexes on a real PostgreSQL."""

from typing import Any

import pytest
from psycopg import AsyncConnection

from core.clock import SystemClock
from monitor.indexes import INDEXES, collect
from monitor.indexes.apply import apply
from monitor.indexes.status import MissingError, require_tables


async def test_a_database_without_the_tables_has_none_of_the_indexes(
    connection: AsyncConnection[Any],
) -> None:
    found = await collect(connection)
    assert [one.index for one in found] == [spec.name for spec in INDEXES]
    assert not any(one.present or one.valid for one in found)


async def test_applied_indexes_are_present_valid_and_have_a_size(
    connection: AsyncConnection[Any], database: str, reference: str
) -> None:
    await apply(database, clock=SystemClock(), schema=reference)
    for one in await collect(connection, reference):
        assert one.present
        assert one.valid
        assert one.as_expected
        assert one.size_bytes > 0


async def test_an_index_in_another_schema_is_not_taken_for_the_one_asked_for(
    connection: AsyncConnection[Any], database: str, reference: str
) -> None:
    await apply(database, clock=SystemClock(), schema=reference)
    assert not any(one.present for one in await collect(connection, "public"))


async def test_scans_are_counted_and_dated(
    connection: AsyncConnection[Any], database: str, reference: str
) -> None:
    await apply(database, clock=SystemClock(), schema=reference)
    await connection.execute(
        f"SELECT * FROM {reference}.appointments WHERE calcom_booking_id = 'none'"  # noqa: S608 - our own name
    )
    await connection.execute("SELECT pg_stat_force_next_flush()")
    await connection.execute("SELECT 1")
    found = {one.index: one for one in await collect(connection, reference)}
    assert found["idx_appts_calcom_id"].scans == 1
    assert found["idx_appts_calcom_id"].last_scan is not None
    assert found["idx_staff_calcom_user"].scans == 0
    assert found["idx_staff_calcom_user"].last_scan is None


@pytest.mark.parametrize(
    "definition",
    [
        "(starts_at, service_id)",
        "(service_id)",
        "(service_id, starts_at) WHERE status = 'confirmed'",
        "(service_id, date_trunc('day', starts_at))",
    ],
)
async def test_another_index_of_the_name_is_not_as_expected(
    connection: AsyncConnection[Any], reference: str, definition: str
) -> None:
    await connection.execute(f"CREATE INDEX idx_appts_service_start ON {reference}.appointments {definition}")
    found = {one.index: one for one in await collect(connection, reference)}
    assert found["idx_appts_service_start"].present
    assert not found["idx_appts_service_start"].as_expected


async def test_what_is_missing_is_named_at_once(connection: AsyncConnection[Any]) -> None:
    await connection.execute("CREATE TABLE appointments (service_id int, branch_id int, status text)")
    await connection.execute("CREATE TABLE staff (branch_id int, is_active bool, calcom_user_id int)")
    with pytest.raises(MissingError) as caught:
        await require_tables(connection)
    text = str(caught.value)
    for words in (
        "no table services", "no table branches", "no column appointments.starts_at",
        "no column appointments.calcom_booking_id", "--schema",
    ):  # fmt: skip
        assert words in text
    assert "staff" not in text
    assert text.count("appointments.starts_at") == 1
