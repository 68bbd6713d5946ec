"""core/postgres.py"""

import psycopg
import pytest

from core.postgres import connect


async def test_a_connection_shows_its_name_and_stops_long_statements(postgres_url: str) -> None:
    connection = await connect(postgres_url, application_name="tests", statement_timeout_seconds=0.05)
    async with connection:
        row = await (await connection.execute("SELECT current_setting('application_name')")).fetchone()
        assert row == ("tests",)
        with pytest.raises(psycopg.errors.QueryCanceled):
            await connection.execute("SELECT pg_sleep(60)")
