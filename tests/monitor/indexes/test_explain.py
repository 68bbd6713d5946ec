"""Plans on a real PostgreSQL with the report's 5 000 appointments and 1 000 services."""

from typing import Any

import pytest
from psycopg import AsyncConnection, sql

from core.clock import SystemClock
from monitor.indexes.apply import apply
from monitor.indexes.explain import EmptyError, explain


async def test_with_the_indexes_every_query_uses_its_own_and_touches_a_fraction(
    connection: AsyncConnection[Any], database: str, reference: str
) -> None:
    await apply(database, clock=SystemClock(), schema=reference)
    found = await explain(connection, schema=reference)
    assert [one.query.name for one in found] == [
        "service_by_event_type", "appointment_overlap", "appointment_by_booking",
    ]  # fmt: skip
    for one in found:
        assert one.uses_expected, one
        assert one.without.indexes == ()
        assert one.without.node == "Seq Scan"
        assert one.with_indexes.rows == one.without.rows > 0
        assert one.times_fewer_blocks >= 5, one


async def test_without_the_indexes_it_says_so(connection: AsyncConnection[Any], reference: str) -> None:
    found = await explain(connection, schema=reference)
    assert not any(one.uses_expected for one in found)
    assert all(one.with_indexes.blocks == one.without.blocks for one in found)


async def test_it_changes_neither_data_nor_session(connection: AsyncConnection[Any], reference: str) -> None:
    async def state() -> list[Any]:
        cursor = await connection.execute(
            sql.SQL(
                "SELECT current_setting('search_path'), current_setting('enable_indexscan'),"
                " current_setting('statement_timeout'), (SELECT count(*) FROM {}.appointments)"
            ).format(sql.Identifier(reference))
        )
        return list(await cursor.fetchone() or ())

    before = await state()
    await explain(connection, schema=reference)
    assert await state() == before


async def test_a_table_without_rows_is_refused_with_a_way_out(
    connection: AsyncConnection[Any], reference: str
) -> None:
    await connection.execute(sql.SQL("TRUNCATE {}.appointments").format(sql.Identifier(reference)))
    with pytest.raises(EmptyError, match="--reference"):
        await explain(connection, schema=reference)
