"""`calgate indexes`: are the report's eight database indexes there, create them, prove them."""

import contextlib
import functools
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

import click
import psycopg

from calgate.commands.options import settings_options, start_log
from core import log
from core.clock import SystemClock
from core.embedded import EmbeddedPostgres
from core.errors import UserError
from core.postgres import connect
from core.runner import run
from core.settings import Loaded, Settings
from core.urls import EMBEDDED, check_database_url, mask
from monitor.indexes.apply import Limits, Progress, apply, plan
from monitor.indexes.explain import Comparison, explain
from monitor.indexes.plan import Action, Step
from monitor.indexes.reference import LARGEST, REFERENCE_SCHEMA, create
from monitor.indexes.report import (
    comparison_row,
    comparison_table,
    is_good,
    status_row,
    status_table,
    step_row,
)
from monitor.indexes.status import IndexStatus, collect

_T = TypeVar("_T")

_REFERENCE_ROWS = 5000
_WORK = {Action.KEEP: "already there", Action.CREATE: "create", Action.REBUILD: "rebuild (was invalid)"}

_OPTIONS = (
    click.option("--json", "as_json", is_flag=True, help="Answer as one JSON document."),
    click.option("--database-url", metavar="URL", help="Instead of CALGATE_DATABASE_URL; may be `embedded`."),
    click.option("--schema", metavar="NAME", help="Instead of CALGATE_DATABASE_SCHEMA."),
    click.option(
        "--reference",
        "rows",
        type=click.IntRange(1, LARGEST),
        is_flag=False,
        flag_value=_REFERENCE_ROWS,
        metavar="[ROWS]",
        help=f"To try out: make the schema {REFERENCE_SCHEMA} anew, with so many made-up appointments"
        f" ({_REFERENCE_ROWS} if not said), and use it.",
    ),
)


def _options(command: Callable[..., None]) -> Callable[..., None]:
    """The options all three share."""

    @functools.wraps(command)
    def wrapper(*args: Any, schema: str | None, rows: int | None, **kwargs: Any) -> None:
        if rows is not None and schema not in (None, REFERENCE_SCHEMA):
            raise click.UsageError(f"--reference uses the schema {REFERENCE_SCHEMA}; leave --schema out.")
        loaded: Loaded = args[0]
        schema = schema or (loaded.settings.database_schema if rows is None else REFERENCE_SCHEMA)
        command(*args, schema=schema, rows=rows, **kwargs)

    for option in reversed(_OPTIONS):
        wrapper = option(wrapper)
    return settings_options(wrapper)


@click.group()
def indexes() -> None:
    """The report's eight database indexes: are they there, create them, prove them."""


@indexes.command()
@click.option("--check", is_flag=True, help="Exit with 1 unless all are present and valid.")
@_options
def status(
    loaded: Loaded, as_json: bool, database_url: str | None, schema: str, rows: int | None, check: bool
) -> None:
    """Show what there is of each index: present, valid, size, use."""
    found = _run(loaded, database_url, rows, functools.partial(_status, schema))
    if as_json:
        click.echo(json.dumps([status_row(one) for one in found], indent=2))
    else:
        click.echo(status_table(found))
        if not all(map(is_good, found)):
            click.echo("\n`calgate indexes apply` brings this in order without blocking writers.")
    if check and not all(map(is_good, found)):
        raise SystemExit(1)


@indexes.command(name="apply")
@click.option("--dry-run", is_flag=True, help="Print the SQL, execute nothing.")
@click.option(
    "--lock-timeout",
    type=click.FloatRange(0.1, 600),
    default=Limits().lock_seconds,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for a lock or an older transaction.",
)
@_options
def apply_command(
    loaded: Loaded,
    as_json: bool,
    database_url: str | None,
    schema: str,
    rows: int | None,
    dry_run: bool,
    lock_timeout: float,
) -> None:
    """Create what is missing and rebuild what is invalid, concurrently; running it again changes nothing."""
    limits = Limits(lock_seconds=lock_timeout)
    work = functools.partial(_planned, schema) if dry_run else _applied(schema, limits, talk=not as_json)
    steps = _run(loaded, database_url, rows, work)
    if as_json:
        click.echo(json.dumps([step_row(step) for step in steps], indent=2))
    elif dry_run:
        for step in steps:
            for statement in step.statements():
                click.echo(f"{statement.as_string()};")
    else:
        done = sum(step.action is not Action.KEEP for step in steps)
        click.echo(f"{len(steps)} indexes, {done} built." if done else f"All {len(steps)} were there.")


@indexes.command(name="explain")
@click.option("--check", is_flag=True, help="Exit with 1 unless every query uses its index.")
@_options
def explain_command(
    loaded: Loaded, as_json: bool, database_url: str | None, schema: str, rows: int | None, check: bool
) -> None:
    """Run the report's three queries with and without indexes, in read-only transactions.

    With --reference the indexes are created there first.
    """
    found = _run(loaded, database_url, rows, functools.partial(_explained, schema, rows is not None))
    if as_json:
        click.echo(json.dumps([comparison_row(one) for one in found], indent=2))
    else:
        click.echo(comparison_table(found))
    if check and not all(one.uses_expected for one in found):
        raise SystemExit(1)


def _run(
    loaded: Loaded, database_url: str | None, rows: int | None, work: Callable[[str], Awaitable[_T]]
) -> _T:
    settings = start_log(loaded, "indexes")
    if loaded.origins["log_level"] == "the default":
        # One answer is wanted, not the life of the server that gives it.
        log.configure("warning", settings.log_format, program="indexes")

    async def main() -> _T:
        async with _database(settings, database_url) as url:
            if rows is not None:
                async with _connected(url, 600.0) as connection:
                    await create(connection, rows)
            return await work(url)

    try:
        result = run(main())
    except psycopg.Error as error:
        reason = mask(str(error)).strip() or type(error).__name__
        raise UserError(f"the database says: {reason}") from error
    if result is None:
        raise click.Abort  # a signal ended it
    return result


@contextlib.asynccontextmanager
async def _database(settings: Settings, database_url: str | None) -> AsyncIterator[str]:
    url = database_url or settings.database_url
    if url is None:
        raise UserError(
            "no database is configured: set CALGATE_DATABASE_URL, or give --database-url postgresql://… "
            "or --database-url embedded --reference to try out"
        )
    try:
        check_database_url(url)
    except ValueError as error:
        raise UserError(f"--database-url {error}") from None
    if url != EMBEDDED:
        yield url
        return
    async with EmbeddedPostgres(settings.data_dir) as server:
        yield server.url


@contextlib.asynccontextmanager
async def _connected(url: str, statement_seconds: float) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    connection = await connect(
        url, application_name="calgate indexes", statement_timeout_seconds=statement_seconds
    )
    try:
        yield connection
    finally:
        await connection.close()


async def _status(schema: str, url: str) -> list[IndexStatus]:
    async with _connected(url, 10.0) as connection:
        return await collect(connection, schema)


async def _planned(schema: str, url: str) -> list[Step]:
    async with _connected(url, 10.0) as connection:
        return await plan(connection, schema)


def _applied(schema: str, limits: Limits, talk: bool) -> Callable[[str], Awaitable[list[Step]]]:
    def announce(one: Step) -> None:
        if talk:
            click.echo(f"{one.spec.name}: {_WORK[one.action]}")

    def progress(one: Progress) -> None:
        if talk and sys.stderr.isatty():
            share = f" {100 * one.done // one.total} %" if one.total else ""
            click.echo(f"\r\x1b[K  {one.phase}{share}\r", nl=False, err=True)

    async def work(url: str) -> list[Step]:
        return await apply(
            url, clock=SystemClock(), schema=schema, limits=limits, on_step=announce, on_progress=progress
        )

    return work


async def _explained(schema: str, build: bool, url: str) -> list[Comparison]:
    if build:
        await apply(url, clock=SystemClock(), schema=schema)
    async with _connected(url, 60.0) as connection:
        return await explain(connection, schema=schema)
