"""The schema to try out with."""

from typing import Any

import pytest
from psycopg import AsyncConnection, sql

from core.errors import UserError
from monitor.indexes.reference import REFERENCE_SCHEMA, create
from monitor.indexes.status import require_tables


async def digest(connection: AsyncConnection[Any]) -> str:
    cursor = await connection.execute(
        sql.SQL("SELECT md5(string_agg(a::text, '' ORDER BY id)) FROM {}.appointments a").format(
            sql.Identifier(REFERENCE_SCHEMA)
        )
    )
    row = await cursor.fetchone()
    assert row is not None
    return str(row[0])


async def test_it_has_every_table_and_column_and_the_rows_asked_for(connection: AsyncConnection[Any]) -> None:
    schema = await create(connection, 700)
    await require_tables(connection, schema)
    cursor = await connection.execute(
        sql.SQL(
            "SELECT (SELECT count(*) FROM {0}.appointments), (SELECT count(*) FROM {0}.services),"
            " (SELECT count(DISTINCT service_id) FROM {0}.appointments),"
            " (SELECT count(DISTINCT status) FROM {0}.appointments)"
        ).format(sql.Identifier(schema))
    )
    row = await cursor.fetchone()
    assert row is not None
    appointments, services, used, statuses = row
    assert (appointments, services) == (700, 1000)
    assert used > 200
    assert statuses == 5


async def test_the_same_seed_gives_the_same_rows(connection: AsyncConnection[Any]) -> None:
    digests = []
    for seed in (1, 1, 2):
        await create(connection, 100, seed)
        digests.append(await digest(connection))
    assert digests[0] == digests[1] != digests[2]


async def test_a_schema_it_did_not_make_is_left_alone(connection: AsyncConnection[Any]) -> None:
    await connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(REFERENCE_SCHEMA)))
    with pytest.raises(UserError, match="was not made by --reference"):
        await create(connection, 10)


@pytest.mark.parametrize("rows", [0, -1, 5_000_001])
async def test_a_size_out_of_bounds_is_refused(connection: AsyncConnection[Any], rows: int) -> None:
    with pytest.raises(UserError, match="1 to 5000000"):
        await create(connection, rows)
