"""A reference schema with made-up rows, to try the indexes out without touching anybody's data."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from psycopg import AsyncConnection, sql

from core.errors import UserError

REFERENCE_SCHEMA = "calgate_reference"
_MARK = "Made by `calgate indexes --reference`, which replaces it as a whole."
LARGEST = 5_000_000

_ROLL = """
CREATE FUNCTION {schema}.roll(n bigint, what text, sides bigint) RETURNS bigint
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE sql
RETURN (hashtextextended(what, n * 1000003 + {seed}) & 9223372036854775807) % sides
"""


async def create(connection: AsyncConnection[Any], rows: int, seed: int = 1) -> str:
    """Make the schema anew with `rows` appointments, and analyse it; returns its name.

    Services are a fifth as many, at least 1 000 (the report's figure); the rest follows from them. The same
    rows and seed give the same data. Refuses to replace a schema of this name that it did not make.
    """
    if not 1 <= rows <= LARGEST:
        raise UserError(f"a reference schema has 1 to {LARGEST} appointments, not {rows}")
    names = {
        "schema": sql.Identifier(REFERENCE_SCHEMA),
        "rows": sql.Literal(rows),
        "services": sql.Literal(max(1000, rows // 5)),
        "seed": sql.Literal(seed),
    }
    text = (files("monitor.indexes") / "reference.sql").read_text(encoding="utf-8")
    async with connection.transaction():
        # Two at once would both find the schema absent.
        await connection.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [REFERENCE_SCHEMA])
        await _make_room(connection)
        await connection.execute(sql.SQL("CREATE SCHEMA {schema}").format(**names))
        await connection.execute(
            sql.SQL("COMMENT ON SCHEMA {schema} IS {mark}").format(**names, mark=sql.Literal(_MARK))
        )
        await connection.execute(sql.SQL(_ROLL).format(**names))
        await connection.execute(sql.SQL(text).format(**names))
    for table in ("companies", "branches", "staff", "services", "appointments"):
        # Plans would otherwise rest on guesses until autovacuum comes by.
        await connection.execute(
            sql.SQL("VACUUM (ANALYZE) {}").format(sql.Identifier(REFERENCE_SCHEMA, table))
        )
    return REFERENCE_SCHEMA


async def _make_room(connection: AsyncConnection[Any]) -> None:
    cursor = await connection.execute(
        "SELECT obj_description(oid, 'pg_namespace') FROM pg_catalog.pg_namespace WHERE nspname = %s",
        [REFERENCE_SCHEMA],
    )
    row = await cursor.fetchone()
    if row is None:
        return
    if row[0] != _MARK:
        raise UserError(
            f"schema {REFERENCE_SCHEMA} exists and was not made by --reference: rename it, or use another database"
        )
    await connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(REFERENCE_SCHEMA)))
