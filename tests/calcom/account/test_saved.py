"""A map survives being written down."""

from __future__ import annotations

import orjson
import pytest

from calcom.account import AccountMap, Promises, restored, saved
from tests.calcom.reach.desk import Desk


def test_what_is_restored_knows_the_same() -> None:
    desk = Desk(1)
    desk.learn_everything()
    again = restored(orjson.loads(orjson.dumps(saved(desk.account))))
    assert again.same_facts(desk.account)
    assert again.version == desk.account.version


def test_promises_come_from_the_configuration() -> None:
    promises = Promises(frozenset({106}))
    assert restored(saved(AccountMap.empty()), promises).promises == promises


@pytest.mark.parametrize(
    "data",
    [None, [], {}, {"format": 0}, {"format": 1}, {**saved(AccountMap.empty()), "users": [{"nickname": "x"}]}],
)
def test_anything_else_is_refused_with_the_way_out(data: object) -> None:
    with pytest.raises(ValueError, match="learned anew"):
        restored(data)
