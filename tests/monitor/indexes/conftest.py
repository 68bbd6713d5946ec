"""A database of its own for every test, in the session's PostgreSQL."""

import itertools
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest_asyncio
from psycopg import AsyncConnection, sql

from core.postgres import connect
from monitor.indexes.reference import create

_numbers = itertools.count()


@pytest_asyncio.fixture
async def database(postgres_url: str) -> AsyncIterator[str]:
    """URL of an empty database."""
    name = f"indexes_{next(_numbers)}"
    admin = await psycopg.AsyncConnection.connect(postgres_url, autocommit=True)
    async with admin:
        await admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield urlunsplit(urlsplit(postgres_url)._replace(path=f"/{name}"))
        await admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest_asyncio.fixture
async def connection(database: str) -> AsyncIterator[AsyncConnection[Any]]:
    """A connection to it."""
    found = await connect(database, application_name="tests", statement_timeout_seconds=60)
    async with found:
        yield found


@pytest_asyncio.fixture
async def reference(connection: AsyncConnection[Any]) -> str:
    """Name of a reference schema at the report's size: 5 000 appointments, 1 000 services."""
    return await create(connection, 5000)
