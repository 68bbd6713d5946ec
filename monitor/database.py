"""The database collector's connection: one, kept between looks, replaced when a look fails."""

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from core.postgres import connect
from monitor.facts import IndexFact
from monitor.indexes import IndexStatus, collect
from monitor.indexes.status import DEFAULT_SCHEMA

_STATEMENT_SECONDS = 4.0


class Database:
    """Reads the expected indexes of one database; raises psycopg.Error when it cannot."""

    def __init__(self, url: str, schema: str = DEFAULT_SCHEMA) -> None:
        """Connect on the first look, not here."""
        self._url = url
        self._schema = schema
        self._connection: AsyncConnection[TupleRow] | None = None

    async def read_indexes(self) -> tuple[IndexFact, ...]:
        """Look at every expected index, in the order of their definitions."""
        if self._connection is None:
            self._connection = await connect(
                self._url, application_name="calgate monitor", statement_timeout_seconds=_STATEMENT_SECONDS
            )
        try:
            return facts(await collect(self._connection, self._schema))
        except BaseException:
            # Broken, or cut off in the middle of an answer that a next query would take for its own.
            await self.close()
            raise

    async def close(self) -> None:
        """Close the connection, if there is one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()


def facts(found: list[IndexStatus]) -> tuple[IndexFact, ...]:
    """Reduce to what is exported; an index of the right name over the wrong columns serves no query."""
    return tuple(IndexFact(i.table, i.index, i.present, i.valid and i.as_expected) for i in found)
