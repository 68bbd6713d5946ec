"""Whether the report's three queries use their indexes, and what that is worth, by EXPLAIN on the data itself.

Everything runs in read-only transactions that are rolled back. "Without" is the same query with index scans
switched off for that transaction: dropping the index, even in a transaction, would lock out every writer.
"""

from __future__ import annotations

import statistics
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection, sql

from core.errors import UserError
from monitor.indexes.definitions import INDEXES, QUERIES, SentinelQuery
from monitor.indexes.status import DEFAULT_SCHEMA, require_tables

_WITHOUT = ("enable_indexscan", "enable_indexonlyscan", "enable_bitmapscan")
_RUNS = 5


class EmptyError(UserError):
    """A table has no row a query could be tried with."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One plan and how it ran."""

    indexes: tuple[str, ...]
    """Names, in the order they appear in the plan."""
    node: str
    """The scan that reads the table, as in `Index Scan`."""
    milliseconds: float
    """Execution by the server's own count; median of five runs after one that warmed the cache."""
    rows: int
    blocks: int
    """8 kB blocks touched, in the cache or not."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One query with the indexes there are, and without any."""

    query: SentinelQuery
    with_indexes: Plan
    without: Plan

    @property
    def uses_expected(self) -> bool:
        """The planner chose the index the report means."""
        return self.query.index in self.with_indexes.indexes

    @property
    def times_faster(self) -> float:
        """How many times the time it takes without; a server's clock has no zero, so this is finite."""
        return self.without.milliseconds / max(self.with_indexes.milliseconds, 0.001)

    @property
    def times_fewer_blocks(self) -> float:
        """The same for blocks, which unlike time do not depend on the machine."""
        return self.without.blocks / max(self.with_indexes.blocks, 1)


async def explain(
    connection: AsyncConnection[Any],
    *,
    schema: str = DEFAULT_SCHEMA,
    queries: Sequence[SentinelQuery] = QUERIES,
    statement_seconds: float = 30.0,
) -> list[Comparison]:
    """Compare every query with and without indexes.

    Raises MissingError, EmptyError, or psycopg.errors.QueryCanceled when a query takes longer than allowed.
    """
    await require_tables(connection, schema, INDEXES)
    found = []
    for query in queries:
        async with _reading(connection, schema, statement_seconds):
            statement = await _with_parameters(connection, query)
            with_indexes = await _measure(connection, statement)
        async with _reading(connection, schema, statement_seconds):
            for setting in _WITHOUT:
                await connection.execute("SELECT set_config(%s, 'off', true)", [setting])
            found.append(Comparison(query, with_indexes, await _measure(connection, statement)))
    return found


@asynccontextmanager
async def _reading(
    connection: AsyncConnection[Any], schema: str, statement_seconds: float
) -> AsyncIterator[None]:
    async with connection.transaction(force_rollback=True):
        await connection.execute("SET TRANSACTION READ ONLY")
        for setting, value in {
            "search_path": sql.Identifier(schema).as_string(connection),
            "statement_timeout": str(round(statement_seconds * 1000)),
            "lock_timeout": "2000",
            # Parallel workers and compilation would measure the machine, not the plan.
            "max_parallel_workers_per_gather": "0",
            "jit": "off",
        }.items():
            await connection.execute("SELECT set_config(%s, %s, true)", [setting, value])
        yield


async def _with_parameters(connection: AsyncConnection[Any], query: SentinelQuery) -> sql.Composed:
    cursor = await connection.execute(query.sample)
    row = await cursor.fetchone()
    if row is None:
        raise EmptyError(
            f"{query.name} has no row to be tried with: {query.sample}. "
            "Run this on a database with data, or with --reference."
        )
    return sql.SQL(query.text).format(*map(sql.Literal, row))


async def _measure(connection: AsyncConnection[Any], statement: sql.Composed) -> Plan:
    plans = [await _explained(connection, statement) for _ in range(1 + _RUNS)][1:]
    nodes = list(_nodes(plans[0]["Plan"]))
    top = nodes[0]
    return Plan(
        indexes=tuple(node["Index Name"] for node in nodes if "Index Name" in node),
        node=next((n["Node Type"] for n in nodes if "Relation Name" in n), top["Node Type"]),
        milliseconds=statistics.median(plan["Execution Time"] for plan in plans),
        rows=round(top["Actual Rows"] * top["Actual Loops"]),
        blocks=top["Shared Hit Blocks"] + top["Shared Read Blocks"],
    )


async def _explained(connection: AsyncConnection[Any], statement: sql.Composed) -> dict[str, Any]:
    cursor = await connection.execute(sql.SQL("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {}").format(statement))
    row = await cursor.fetchone()
    assert row is not None
    plan: dict[str, Any] = row[0][0]
    return plan


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)
