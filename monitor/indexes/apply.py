"""Create what is missing, mend what is broken, never block a writer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import AsyncConnection, errors, sql

from core.clock import Clock
from core.errors import UserError
from core.postgres import connect
from core.tasks import spawn
from monitor.indexes.blockers import Blocker, named, sessions
from monitor.indexes.definitions import INDEXES, IndexSpec
from monitor.indexes.plan import Action, Step, decide, drop
from monitor.indexes.status import DEFAULT_SCHEMA, collect, require_tables

_APPLICATION = "calgate indexes"
# Two halves of one number that only this program uses ("calg", "idx1"): one builder over the whole fleet.
_LOCK = (0x63616C67, 0x69647831)
_WATCH_SECONDS = 0.2
_CLEAN_UP_SECONDS = 10.0


class BusyError(UserError):
    """Somebody else is at it already."""


class BlockedError(UserError):
    """A lock could not be had in time, or the build took too long."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a build is, by pg_stat_progress_create_index."""

    index: str
    phase: str
    done: int
    total: int
    """Blocks or tuples, whichever the phase counts; 0 when it counts nothing."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long `apply` lets things take, in seconds."""

    lock_seconds: float = 5.0
    """A build waits so long for each lock and for each older transaction."""
    build_seconds: float = 3600.0
    """Of one index."""


@dataclass(slots=True)
class _Watched:
    """What the second connection saw while the first was building."""

    blockers: list[Blocker] = field(default_factory=list)


OnStep = Callable[[Step], None]
OnProgress = Callable[[Progress], None]


async def plan(
    connection: AsyncConnection[Any], schema: str = DEFAULT_SCHEMA, specs: Sequence[IndexSpec] = INDEXES
) -> list[Step]:
    """What there is to do in `schema`. Raises MissingError, NameTakenError, psycopg.Error."""
    await require_tables(connection, schema, specs)
    found = await collect(connection, schema, specs)
    return [decide(spec, status, schema) for spec, status in zip(specs, found, strict=True)]


async def apply(
    url: str,
    *,
    clock: Clock,
    schema: str = DEFAULT_SCHEMA,
    specs: Sequence[IndexSpec] = INDEXES,
    limits: Limits | None = None,
    on_step: OnStep = lambda _: None,
    on_progress: OnProgress = lambda _: None,
) -> list[Step]:
    """Bring `schema` to the state `specs` ask for; returns what was done. Doing it again does nothing.

    `on_step` hears of each step before it begins, `on_progress` of a build several times a second. Raises what
    `plan` raises, BusyError, BlockedError. Failed or cancelled, it takes away the half-built index; should it be
    killed, the next run does.
    """
    limits = limits or Limits()
    async with (
        _opened(url, limits.build_seconds) as builder,
        _opened(url, 5.0) as watcher,
        _only_one(builder, watcher),
    ):
        await builder.execute(
            "SELECT set_config('lock_timeout', %s, false)", [str(round(limits.lock_seconds * 1000))]
        )
        steps = await plan(builder, schema, specs)
        for step in steps:
            on_step(step)
            if step.action is Action.REBUILD:
                await _refuse_if_being_built(watcher, step)
            if step.action is not Action.KEEP:
                await _carry_out(builder, watcher, step, clock, limits, on_progress)
        return steps


@contextlib.asynccontextmanager
async def _opened(url: str, statement_seconds: float) -> AsyncIterator[AsyncConnection[Any]]:
    connection = await connect(
        url, application_name=_APPLICATION, statement_timeout_seconds=statement_seconds
    )
    try:
        yield connection
    finally:
        await connection.close()


@contextlib.asynccontextmanager
async def _only_one(builder: AsyncConnection[Any], watcher: AsyncConnection[Any]) -> AsyncIterator[None]:
    """Hold the advisory lock; the server frees it with the session, however that ends."""
    cursor = await builder.execute("SELECT pg_try_advisory_lock(%s, %s)", _LOCK)
    row = await cursor.fetchone()
    if row is None or not row[0]:
        cursor = await watcher.execute(
            "SELECT pid FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND granted"
            " AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())"
            " AND classid = %s AND objid = %s AND objsubid = 2",
            _LOCK,
        )
        holders = await sessions(watcher, [pid for (pid,) in await cursor.fetchall()])
        raise BusyError(
            f"another `calgate indexes apply` is at work in this database: {named(holders)}. "
            "Let it finish; it does the same."
        )
    yield


async def _refuse_if_being_built(watcher: AsyncConnection[Any], step: Step) -> None:
    """An index under construction looks as invalid as one whose build failed."""
    cursor = await watcher.execute(
        "SELECT p.pid FROM pg_catalog.pg_stat_progress_create_index p WHERE p.index_relid = to_regclass(%s)",
        [sql.Identifier(step.schema, step.spec.name).as_string(watcher)],
    )
    builders = await sessions(watcher, [pid for (pid,) in await cursor.fetchall()])
    if builders:
        raise BusyError(
            f"{step.spec.name} is being built by {named(builders)}. Run this again when it is done."
        )


async def _carry_out(
    builder: AsyncConnection[Any],
    watcher: AsyncConnection[Any],
    step: Step,
    clock: Clock,
    limits: Limits,
    on_progress: OnProgress,
) -> None:
    seen = _Watched()
    watching = spawn(
        _watch(watcher, builder.info.backend_pid, step, clock, seen, on_progress), name="indexes.watch"
    )
    try:
        for statement in step.statements():
            await builder.execute(statement)
    except (errors.LockNotAvailable, errors.QueryCanceled) as error:
        left = await _clean_up(builder, step)
        if isinstance(error, errors.LockNotAvailable):
            why = f"waited {limits.lock_seconds:g} s for {named(seen.blockers)}"
            way_out = (
                "Let that transaction end (or end it: SELECT pg_terminate_backend(pid)), then run this again"
            )
        else:
            why = f"took longer than {limits.build_seconds:g} s, or was cancelled by an administrator"
            way_out = "Run this again at a quieter time"
        raise BlockedError(
            f"{step.spec.name} on {step.schema}.{step.spec.table} {why}. No writer was blocked; {left}. {way_out}."
        ) from error
    except BaseException:
        await _clean_up(builder, step)
        raise
    finally:
        watching.cancel()
        await asyncio.wait([watching])


async def _clean_up(builder: AsyncConnection[Any], step: Step) -> str:
    """Drop what a failed build left, if it can be had quickly; says how that went."""
    name = sql.Identifier(step.schema, step.spec.name)
    try:
        async with asyncio.timeout(_CLEAN_UP_SECONDS):
            await builder.execute(drop(name))
    except (psycopg.Error, TimeoutError):
        return "an invalid leftover remains, which the next run replaces"
    return "nothing half-built was left"


async def _watch(
    watcher: AsyncConnection[Any],
    pid: int,
    step: Step,
    clock: Clock,
    seen: _Watched,
    on_progress: OnProgress,
) -> None:
    """Report progress and remember who blocks, until cancelled. Losing sight of it harms nothing."""
    with contextlib.suppress(psycopg.Error):
        while True:
            cursor = await watcher.execute(
                "SELECT phase, greatest(blocks_done, tuples_done, 0), greatest(blocks_total, tuples_total, 0)"
                " FROM pg_catalog.pg_stat_progress_create_index WHERE pid = %s AND phase IS NOT NULL",
                [pid],
            )
            row = await cursor.fetchone()
            if row is not None:
                on_progress(Progress(step.spec.name, *row))
            cursor = await watcher.execute("SELECT unnest(pg_blocking_pids(%s))", [pid])
            blocking = [blocker for (blocker,) in await cursor.fetchall()]
            if blocking:
                seen.blockers = await sessions(watcher, blocking)
            await clock.sleep(_WATCH_SECONDS)
