"""Statuses, steps and comparisons as rows for machines and tables for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from monitor.indexes.definitions import INDEXES
from monitor.indexes.explain import Comparison
from monitor.indexes.plan import Step
from monitor.indexes.status import IndexStatus


def is_good(one: IndexStatus) -> bool:
    """There is nothing to do about it."""
    return one.present and one.valid and one.as_expected


_STATUS_HEAD = ("table", "index", "state", "size", "scans", "last scan")


def _state(one: IndexStatus) -> str:
    if not one.present:
        return "missing"
    if not one.as_expected:
        return "another index of this name"
    return "valid" if one.valid else "invalid"


def _status_cells(one: IndexStatus) -> tuple[str, ...]:
    if not one.present:
        return one.table, one.index, _state(one), "", "", ""
    last = "" if one.last_scan is None else one.last_scan.isoformat(" ", "seconds")
    return one.table, one.index, _state(one), f"{one.size_bytes / 1024:.0f} kB", str(one.scans), last


def status_row(one: IndexStatus) -> dict[str, object]:
    """For machines."""
    why = next(spec.why for spec in INDEXES if spec.name == one.index)
    return {
        "table": one.table, "index": one.index, "why": why, "state": _state(one), "present": one.present,
        "valid": one.valid, "as_expected": one.as_expected, "size_bytes": one.size_bytes, "scans": one.scans,
        "last_scan": None if one.last_scan is None else one.last_scan.isoformat(),
    }  # fmt: skip


def step_row(step: Step) -> dict[str, object]:
    """For machines."""
    return {
        "table": step.spec.table,
        "index": step.spec.name,
        "action": step.action.value,
        "sql": [statement.as_string() for statement in step.statements()],
    }


_EXPLAIN_HEAD = ("query", "rows", "plan", "ms", "without", "faster", "blocks", "without", "index")


def _comparison_cells(one: Comparison) -> tuple[str, ...]:
    used = ", ".join(one.with_indexes.indexes) or "none"
    return (
        one.query.name,
        str(one.with_indexes.rows),
        one.with_indexes.node,
        f"{one.with_indexes.milliseconds:.3f}",
        f"{one.without.milliseconds:.3f}",
        f"{one.times_faster:.1f}x",
        str(one.with_indexes.blocks),
        str(one.without.blocks),
        used if one.uses_expected else f"{used}; expected {one.query.index}",
    )


def comparison_row(one: Comparison) -> dict[str, object]:
    """For machines."""
    return {
        "query": one.query.name, "why": one.query.why, "expected_index": one.query.index,
        "uses_expected": one.uses_expected, "indexes": list(one.with_indexes.indexes),
        "plan": one.with_indexes.node, "rows": one.with_indexes.rows,
        "milliseconds": one.with_indexes.milliseconds, "milliseconds_without": one.without.milliseconds,
        "blocks": one.with_indexes.blocks, "blocks_without": one.without.blocks,
        "times_faster": round(one.times_faster, 1), "times_fewer_blocks": round(one.times_fewer_blocks, 1),
    }  # fmt: skip


def status_table(found: Sequence[IndexStatus]) -> str:
    """For people."""
    return _table(_STATUS_HEAD, map(_status_cells, found))


def comparison_table(found: Sequence[Comparison]) -> str:
    """For people."""
    return _table(_EXPLAIN_HEAD, map(_comparison_cells, found))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
