"""What is decided about an index, and the SQL of it."""

import pytest

from monitor.indexes.definitions import IndexSpec
from monitor.indexes.plan import Action, NameTakenError, decide
from monitor.indexes.status import IndexStatus

SPEC = IndexSpec('idx_"odd', "Ta ble", ("a", 'b"; DROP TABLE x'), "a test")


def seen(*, present: bool = True, valid: bool = True, as_expected: bool = True) -> IndexStatus:
    return IndexStatus(SPEC.table, SPEC.name, present, valid, as_expected, 0, 0, None)


@pytest.mark.parametrize(
    ("status", "action"),
    [
        (seen(), Action.KEEP),
        (seen(present=False, valid=False, as_expected=False), Action.CREATE),
        (seen(valid=False), Action.REBUILD),
    ],
)
def test_an_index_is_kept_created_or_rebuilt(status: IndexStatus, action: Action) -> None:
    assert decide(SPEC, status, "public").action is action


def test_an_index_over_something_else_is_left_alone() -> None:
    with pytest.raises(NameTakenError, match=r"ALTER INDEX .* RENAME"):
        decide(SPEC, seen(as_expected=False, valid=False), "public")


def test_statements_are_concurrent_and_names_are_quoted() -> None:
    step = decide(SPEC, seen(valid=False), 'sche"ma')
    assert [statement.as_string() for statement in step.statements()] == [
        'DROP INDEX CONCURRENTLY IF EXISTS "sche""ma"."idx_""odd"',
        'CREATE INDEX CONCURRENTLY "idx_""odd" ON "sche""ma"."Ta ble" ("a", "b""; DROP TABLE x")',
    ]
    assert decide(SPEC, seen(), "public").statements() == []
