"""The map survives the way to Redis and back, or does not come back at all."""

import orjson
import pytest

from calcom.account import Promises
from proxy.account import codec
from proxy.account.aged import Aged, laid_over
from tests.proxy.account.calcom import everything

PROMISES = Promises(unlimited_teams=frozenset({3}))


def learned() -> Aged:
    return laid_over(Aged(), everything(1000.0), 1000.0, 600.0, asked_for=True)


def test_what_was_written_is_read_back_whole() -> None:
    aged = learned()
    read = codec.load(codec.dump(aged), Promises())
    assert read is not None
    assert read.account.same_facts(aged.account)
    assert read.told == aged.told
    assert read.asked == aged.asked
    assert codec.dump(read) == codec.dump(aged)


def test_promises_are_the_readers_own() -> None:
    read = codec.load(codec.dump(learned()), PROMISES)
    assert read is not None
    assert read.account.promises == PROMISES
    assert codec.dump(read) == codec.dump(learned())


@pytest.mark.parametrize("damage", ["cut", "schema", "kind", "missing", "empty", "other"])
def test_what_cannot_be_read_in_full_is_no_map(damage: str) -> None:
    text = codec.dump(learned())
    stored = orjson.loads(text)
    match damage:
        case "cut":
            text = text[:-10]
        case "schema":
            stored["schema"] += 1
            text = orjson.dumps(stored)
        case "kind":
            stored["account"]["event_types"]["5"]["lengths"] = "thirty"
            text = orjson.dumps(stored)
        case "missing":
            del stored["told"]
            text = orjson.dumps(stored)
        case "empty":
            text = b""
        case _:
            text = b"[]"
    assert codec.load(text, Promises()) is None
