"""A job and how it is written in the stream and in the delayed set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

# Ours; every other field belongs to the kind of job.
_KIND, _AT, _TRIES, _ORIGIN = "kind", "at", "tries", "origin"


@dataclass(frozen=True, slots=True)
class Job:
    """One delivery of a job to one worker."""

    id: str
    """Its entry in the stream; a job that was retried has a new one."""
    origin: str
    """Its first entry in the stream: the name it keeps."""
    kind: str
    attempt: int
    """1 for the first try. A delivery that ended with its worker's death is a try; one handed back is not."""
    enqueued_ms: int
    """Unix milliseconds, by the store's clock."""
    fields: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_entry(cls, entry_id: bytes, raw: Mapping[bytes, bytes], deliveries: int = 1) -> Job:
        """Read a stream entry. Never fails: a malformed job must still be able to reach the dead letters."""
        fields = {k.decode("utf-8", "replace"): v.decode("utf-8", "replace") for k, v in raw.items()}
        identity = entry_id.decode()
        at = fields.pop(_AT, "")
        tries = fields.pop(_TRIES, "")
        return cls(
            id=identity,
            origin=fields.pop(_ORIGIN, identity),
            kind=fields.pop(_KIND, ""),
            attempt=(int(tries) if tries.isdecimal() else 0) + deliveries,
            # An entry's id begins with the millisecond it was added.
            enqueued_ms=int(at) if at.isdecimal() else int(identity.partition("-")[0]),
            fields=fields,
        )

    def to_fields(self, *, tries: int) -> list[str]:
        """The fields of a new entry of the same job that has used up `tries`, as XADD takes them."""
        ours = {_KIND: self.kind, _AT: str(self.enqueued_ms), _TRIES: str(tries), _ORIGIN: self.origin}
        return [part for pair in {**self.fields, **ours}.items() for part in pair]

    def to_member(self) -> bytes:
        """A member of the delayed set, with this attempt counted; unique by origin and tries."""
        return orjson.dumps(self.to_fields(tries=self.attempt))

    def integer(self, name: str) -> int:
        """A field that has to be a whole number; raises ValueError naming it."""
        value = self.fields.get(name, "")
        if not value.isdecimal():
            raise ValueError(f"job {self.kind}: {name} has to be a whole number, not {value[:40]!r}")
        return int(value)


def fields_of_member(member: bytes) -> list[str]:
    """What `to_member` wrote, as XADD takes it."""
    fields: Any = orjson.loads(member)
    return [str(part) for part in fields]
