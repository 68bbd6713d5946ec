"""Who stands in the way of a statement, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import class_row


@dataclass(frozen=True, slots=True)
class Blocker:
    """A session that holds what another waits for. The text of its query is left out: it may hold secrets."""

    pid: int
    user: str | None
    application: str
    state: str | None
    transaction_seconds: float | None

    def __str__(self) -> str:
        who = f"session {self.pid}"
        if self.user:
            who += f" of {self.user}"
        if self.application:
            who += f" ({self.application})"
        if self.state:
            who += f", {self.state}"
        if self.transaction_seconds is not None:
            who += f", in a transaction for {self.transaction_seconds:.0f} s"
        return who


_SESSIONS = """
SELECT pid, usename::text AS "user", coalesce(application_name, '') AS application, state,
       extract(epoch FROM clock_timestamp() - xact_start)::float8 AS transaction_seconds
FROM pg_catalog.pg_stat_activity WHERE pid = ANY(%s) ORDER BY pid
"""


async def sessions(connection: AsyncConnection[Any], pids: Sequence[int]) -> list[Blocker]:
    """Those of `pids` that are still there."""
    async with connection.cursor(row_factory=class_row(Blocker)) as cursor:
        await cursor.execute(_SESSIONS, [list(pids)])
        return await cursor.fetchall()


def named(blockers: Sequence[Blocker]) -> str:
    """`blockers` for a message."""
    return "; ".join(map(str, blockers)) or "a session that has gone since"
