"""The map as bytes. Whatever cannot be read back in full is no map at all."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Final, get_args, get_type_hints

import orjson
from pydantic import TypeAdapter, ValidationError

from calcom.account import AccountMap, Promises
from proxy.account.aged import Aged


@dataclass(frozen=True, slots=True)
class _Stored:
    schema: int
    account: AccountMap
    told: dict[str, float]
    asked: dict[str, float]


def _shape(kind: Any, seen: set[str]) -> str:
    """Every field of a dataclass and of those inside it, with their types."""
    if is_dataclass(kind) and isinstance(kind, type) and kind.__name__ not in seen:
        seen.add(kind.__name__)
        hints = get_type_hints(kind)
        return "".join(
            f"{one.name}={hints[one.name]}{_shape(hints[one.name], seen)};" for one in fields(kind)
        )
    return "".join(_shape(one, seen) for one in get_args(kind))


SCHEMA: Final = zlib.crc32(_shape(AccountMap, set()).encode())
"""Another number for every other shape of the map, so that nobody has to remember to count it up."""

_READER: Final = TypeAdapter(_Stored)


def dump(aged: Aged) -> bytes:
    """As JSON. What the operator vouches for is not in it: that is each process's own setting."""
    account = replace(aged.account, promises=Promises())
    stored = _Stored(SCHEMA, account, dict(aged.told), dict(aged.asked))
    return orjson.dumps(stored, default=_as_list, option=orjson.OPT_NON_STR_KEYS)


def load(text: bytes, promises: Promises) -> Aged | None:
    """What `dump` wrote; None for anything else."""
    try:
        stored = _READER.validate_json(text)
    except ValidationError:
        return None
    if stored.schema != SCHEMA:
        return None
    return Aged(replace(stored.account, promises=promises), stored.told, stored.asked)


def _as_list(value: object) -> list[Any]:
    if isinstance(value, Iterable):
        return sorted(value)
    raise TypeError(type(value).__name__)
