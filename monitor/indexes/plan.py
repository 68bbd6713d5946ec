"""What has to be done about each index: a pure decision, and the SQL of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from psycopg import sql

from core.errors import UserError
from monitor.indexes.definitions import IndexSpec
from monitor.indexes.status import IndexStatus


class Action(Enum):
    """What `apply` does about one index."""

    KEEP = "keep"
    CREATE = "create"
    REBUILD = "rebuild"
    """A failed build left it invalid: it costs every write and serves no read."""


class NameTakenError(UserError):
    """Another index bears the name of an expected one."""


@dataclass(frozen=True, slots=True)
class Step:
    """One index and what to do about it."""

    spec: IndexSpec
    schema: str
    action: Action

    def statements(self) -> list[sql.Composed]:
        """What to execute, each outside a transaction; none of it blocks a writer."""
        name = sql.Identifier(self.schema, self.spec.name)
        create = sql.SQL("CREATE INDEX CONCURRENTLY {} ON {} ({})").format(
            # CREATE INDEX takes no schema: an index lives beside its table.
            sql.Identifier(self.spec.name),
            sql.Identifier(self.schema, self.spec.table),
            sql.SQL(", ").join(map(sql.Identifier, self.spec.columns)),
        )
        match self.action:
            case Action.KEEP:
                return []
            case Action.CREATE:
                return [create]
            case Action.REBUILD:
                return [drop(name), create]


def drop(name: sql.Identifier) -> sql.Composed:
    """The statement that removes an index without blocking a writer."""
    return sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(name)


def decide(spec: IndexSpec, status: IndexStatus, schema: str) -> Step:
    """Raises NameTakenError when the name belongs to an index over something else: that is not ours to drop."""
    if not status.present:
        return Step(spec, schema, Action.CREATE)
    if not status.as_expected:
        raise NameTakenError(
            f"{schema}.{spec.name} exists but is not a plain index on {spec.table} ({', '.join(spec.columns)}). "
            f"Rename it (ALTER INDEX {spec.name} RENAME TO …) or drop it, then run this again."
        )
    return Step(spec, schema, Action.KEEP if status.valid else Action.REBUILD)
