"""Connections to PostgreSQL."""

import psycopg
from psycopg.rows import TupleRow

_CONNECT_TIMEOUT_SECONDS = 5


async def connect(
    url: str, *, application_name: str, statement_timeout_seconds: float = 30.0
) -> psycopg.AsyncConnection[TupleRow]:
    """One autocommit connection to `url`; raises psycopg.OperationalError when it cannot be had in 5 s.

    `application_name` is shown in pg_stat_activity. A statement that runs longer than
    `statement_timeout_seconds` (0: no limit) is cancelled by the server.
    """
    connection = await psycopg.AsyncConnection.connect(
        url,
        autocommit=True,
        application_name=application_name,
        connect_timeout=_CONNECT_TIMEOUT_SECONDS,
    )
    # Not as a start-up option: PgBouncer refuses those, and the URL may carry options of its own.
    await connection.execute(
        "SELECT set_config('statement_timeout', %s, false)", [str(int(statement_timeout_seconds * 1000))]
    )
    return connection
