"""What there is of the expected indexes: reads of the catalogue, which stand in nobody's way."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import class_row, tuple_row

from core.errors import UserError
from monitor.indexes.definitions import INDEXES, IndexSpec

DEFAULT_SCHEMA = "public"


class MissingError(UserError):
    """Tables or columns the indexes stand on are not there."""


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """One expected index. Absent ones have neither size nor scans."""

    table: str
    index: str
    present: bool
    valid: bool
    """The planner may use it. False for a build that failed or is not finished, and for an absent one."""
    as_expected: bool
    """A whole B-tree over the expected columns; False when something else bears its name."""
    size_bytes: int
    scans: int
    """Since the server's statistics were last reset."""
    last_scan: datetime.datetime | None
    """PostgreSQL 16 and newer tell; None otherwise, and when it was never scanned."""


@dataclass(frozen=True, slots=True)
class _Found:
    index: str
    table: str
    columns: list[str]
    plain: bool
    valid: bool
    size_bytes: int
    scans: int
    last_scan: datetime.datetime | None


# last_scan by way of jsonb: naming a column an older server does not have would be an error.
_FIND = """
SELECT i.relname AS index, t.relname AS "table",
       ARRAY(SELECT coalesce(a.attname, '(expression)') FROM unnest(x.indkey::int2[]) WITH ORDINALITY AS k(n, place)
             LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = k.n
             ORDER BY k.place)::text[] AS columns,
       am.amname = 'btree' AND x.indpred IS NULL AS plain,
       x.indisvalid AND x.indisready AS valid,
       pg_catalog.pg_relation_size(i.oid) AS size_bytes,
       coalesce(s.idx_scan, 0) AS scans,
       (to_jsonb(s) ->> 'last_idx_scan')::timestamptz AS last_scan
FROM pg_catalog.pg_index x
JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
JOIN pg_catalog.pg_am am ON am.oid = i.relam
JOIN pg_catalog.pg_class t ON t.oid = x.indrelid
JOIN pg_catalog.pg_namespace n ON n.oid = i.relnamespace
LEFT JOIN pg_catalog.pg_stat_all_indexes s ON s.indexrelid = i.oid
WHERE n.nspname = %s AND i.relname = ANY(%s)
"""

_COLUMNS = """
SELECT t.relname, a.attname
FROM pg_catalog.pg_class t
JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE n.nspname = %s AND t.relname = ANY(%s) AND t.relkind IN ('r', 'p')
"""


async def collect(
    connection: AsyncConnection[Any], schema: str = DEFAULT_SCHEMA, specs: Sequence[IndexSpec] = INDEXES
) -> list[IndexStatus]:
    """The state of every expected index in `schema`, in the order of `specs`, in one query.

    Raises psycopg.Error when the server cannot be asked. A missing table is no error here: its indexes are
    absent, which is what there is to know.
    """
    async with connection.cursor(row_factory=class_row(_Found)) as cursor:
        await cursor.execute(_FIND, [schema, [spec.name for spec in specs]])
        found = {row.index: row for row in await cursor.fetchall()}
    return [_status(spec, found.get(spec.name)) for spec in specs]


def _status(spec: IndexSpec, row: _Found | None) -> IndexStatus:
    if row is None:
        return IndexStatus(spec.table, spec.name, False, False, False, 0, 0, None)
    expected = row.plain and row.table == spec.table and tuple(row.columns) == spec.columns
    return IndexStatus(
        spec.table, spec.name, True, row.valid, expected, row.size_bytes, row.scans, row.last_scan
    )


async def require_tables(
    connection: AsyncConnection[Any], schema: str = DEFAULT_SCHEMA, specs: Sequence[IndexSpec] = INDEXES
) -> None:
    """Raise MissingError naming every table and column of `specs` that `schema` does not have."""
    async with connection.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(_COLUMNS, [schema, sorted({spec.table for spec in specs})])
        there = set(await cursor.fetchall())
    tables = {table for table, _ in there}
    missing = dict.fromkeys(f"table {s.table}" for s in specs if s.table not in tables)
    missing |= dict.fromkeys(
        f"column {spec.table}.{column}"
        for spec in specs
        for column in spec.columns
        if spec.table in tables and (spec.table, column) not in there
    )
    if missing:
        raise MissingError(
            f"schema {schema} has no {', no '.join(missing)}. Name the schema that has them with --schema, "
            "or point CALGATE_DATABASE_URL at the database that holds the appointments; "
            "--reference makes tables to try out with."
        )
