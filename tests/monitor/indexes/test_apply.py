"""Creating indexes on a real PostgreSQL, with others in the way."""

import asyncio
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection, sql

from core.clock import SystemClock
from core.postgres import connect
from core.tasks import spawn
from monitor.indexes import INDEXES, collect
from monitor.indexes.apply import BlockedError, BusyError, Limits, Progress, apply
from monitor.indexes.plan import Action, NameTakenError
from monitor.indexes.status import MissingError

CLOCK = SystemClock()
HASTY = Limits(lock_seconds=0.5)


async def others(database: str) -> AsyncConnection[Any]:
    """A session of somebody else."""
    return await psycopg.AsyncConnection.connect(database, application_name="nightly report")


class Standing:
    """Hears of progress; `waiting` is set once a build waits, half-way, for somebody's transaction."""

    def __init__(self) -> None:
        self.waiting = asyncio.Event()

    def __call__(self, seen: Progress) -> None:
        if "waiting" in seen.phase:
            self.waiting.set()


async def break_one(connection: AsyncConnection[Any], schema: str) -> None:
    """Leave an invalid index behind the way it happens: a concurrent build that fails half-way."""
    broken = sql.SQL(
        "CREATE UNIQUE INDEX CONCURRENTLY idx_staff_branch_active ON {}.staff (branch_id, is_active)"
    )
    with pytest.raises(psycopg.errors.UniqueViolation):
        await connection.execute(broken.format(sql.Identifier(schema)))


async def test_apply_creates_all_and_again_does_nothing(
    connection: AsyncConnection[Any], database: str, reference: str
) -> None:
    first = await apply(database, clock=CLOCK, schema=reference)
    assert [step.action for step in first] == [Action.CREATE] * len(INDEXES)
    again = await apply(database, clock=CLOCK, schema=reference)
    assert [step.action for step in again] == [Action.KEEP] * len(INDEXES)
    assert all(one.valid for one in await collect(connection, reference))


async def test_an_invalid_leftover_is_rebuilt(
    connection: AsyncConnection[Any], database: str, reference: str
) -> None:
    await break_one(connection, reference)
    before = {one.index: one for one in await collect(connection, reference)}
    assert before["idx_staff_branch_active"].present
    assert not before["idx_staff_branch_active"].valid
    steps = {step.spec.name: step.action for step in await apply(database, clock=CLOCK, schema=reference)}
    assert steps.pop("idx_staff_branch_active") is Action.REBUILD
    assert set(steps.values()) == {Action.CREATE}
    assert all(one.valid for one in await collect(connection, reference))


async def test_a_lock_somebody_holds_gives_an_error_that_names_them(
    connection: AsyncConnection[Any], database: str, reference: str
) -> None:
    async with await others(database) as other:
        await other.execute(
            sql.SQL("LOCK TABLE {}.appointments IN SHARE ROW EXCLUSIVE MODE").format(
                sql.Identifier(reference)
            )
        )
        with pytest.raises(BlockedError) as caught:
            await apply(database, clock=CLOCK, schema=reference, limits=HASTY)
        pid = other.info.backend_pid
    text = str(caught.value)
    assert f"session {pid}" in text
    assert "nightly report" in text
    assert "idle in transaction" in text
    assert "waited 0.5 s" in text
    assert "nothing half-built was left" in text
    assert not any(one.present for one in await collect(connection, reference))


async def test_an_old_transaction_that_holds_up_a_build_is_named_and_the_next_run_mends(
    connection: AsyncConnection[Any], database: str, reference: str
) -> None:
    async with await others(database) as other:
        # It has written the table: the build has to wait for it, half-way.
        await other.execute(
            sql.SQL("UPDATE {}.appointments SET notes = 'mine' WHERE id = 1").format(
                sql.Identifier(reference)
            )
        )
        with pytest.raises(BlockedError, match=f"session {other.info.backend_pid}"):
            await apply(database, clock=CLOCK, schema=reference, limits=HASTY)
    await apply(database, clock=CLOCK, schema=reference)
    assert all(one.valid for one in await collect(connection, reference))


async def test_writers_go_on_while_an_index_is_being_built(
    connection: AsyncConnection[Any], database: str, reference: str
) -> None:
    write = sql.SQL("UPDATE {}.appointments SET notes = 'written' WHERE id = %s").format(
        sql.Identifier(reference)
    )
    standing = Standing()
    async with await others(database) as other:
        await other.execute(write, [1])
        task = spawn(
            apply(database, clock=CLOCK, schema=reference, on_progress=standing), name="indexes under test"
        )
        async with asyncio.timeout(30):
            await standing.waiting.wait()
        # The build stands in the middle, holding all the locks it ever holds; a blocked writer would time out.
        await connection.execute("SET lock_timeout = '1s'")
        cursor = await connection.execute(write, [2])
        assert cursor.rowcount == 1
        await other.rollback()
        await task
    assert all(one.valid for one in await collect(connection, reference))


async def test_only_one_applies_at_a_time(database: str, reference: str) -> None:
    standing = Standing()
    async with await others(database) as other:
        await other.execute(
            sql.SQL("DELETE FROM {}.appointments WHERE id = 1").format(sql.Identifier(reference))
        )
        task = spawn(apply(database, clock=CLOCK, schema=reference, on_progress=standing), name="first")
        async with asyncio.timeout(30):
            await standing.waiting.wait()
        with pytest.raises(
            BusyError, match=r"another `calgate indexes apply`.*session \d+ .*calgate indexes"
        ):
            await apply(database, clock=CLOCK, schema=reference)
        await other.rollback()
        await task


async def test_an_index_somebody_else_is_building_is_not_taken_for_a_leftover(
    connection: AsyncConnection[Any], database: str, reference: str
) -> None:
    async with (
        await others(database) as other,
        await connect(database, application_name="migration") as builder,
    ):
        await other.execute(
            sql.SQL("DELETE FROM {}.appointments WHERE id = 1").format(sql.Identifier(reference))
        )
        statement = sql.SQL(
            "CREATE INDEX CONCURRENTLY idx_appts_service_start ON {}.appointments (service_id, starts_at)"
        )
        task = spawn(builder.execute(statement.format(sql.Identifier(reference))), name="migration")

        async with asyncio.timeout(30):
            while not any(one.present for one in await collect(connection, reference)):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        with pytest.raises(BusyError, match=r"being built by session \d+ .*migration"):
            await apply(database, clock=CLOCK, schema=reference)
        await other.rollback()
        await task
    found = {one.index: one for one in await collect(connection, reference)}
    assert found["idx_appts_service_start"].valid


async def test_a_cancelled_build_leaves_nothing_half_built(
    connection: AsyncConnection[Any], database: str, reference: str
) -> None:
    standing = Standing()
    async with await others(database) as other:
        await other.execute(
            sql.SQL("DELETE FROM {}.appointments WHERE id = 1").format(sql.Identifier(reference))
        )
        task = spawn(
            apply(
                database, clock=CLOCK, schema=reference, limits=Limits(lock_seconds=30), on_progress=standing
            ),
            name="indexes under test",
        )
        async with asyncio.timeout(30):
            await standing.waiting.wait()
        task.cancel()
        await other.rollback()
        await asyncio.wait([task])
    assert task.cancelled()
    assert all(one.valid for one in await collect(connection, reference) if one.present)
    await apply(database, clock=CLOCK, schema=reference)


async def test_a_foreign_index_of_the_same_name_stops_everything(
    connection: AsyncConnection[Any], database: str, reference: str
) -> None:
    await connection.execute(
        sql.SQL("CREATE INDEX idx_branches_company_active ON {}.branches (name)").format(
            sql.Identifier(reference)
        )
    )
    with pytest.raises(NameTakenError, match="idx_branches_company_active exists but is not a plain index"):
        await apply(database, clock=CLOCK, schema=reference)
    assert sum(one.present for one in await collect(connection, reference)) == 1


async def test_a_database_without_the_tables_is_refused(database: str) -> None:
    with pytest.raises(MissingError, match="schema public has no table appointments"):
        await apply(database, clock=CLOCK)
