"""Which processes have a share of the calls, and what is set aside for those that Redis does not hear from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_ALL = 5_040
"""The parts of the whole, as `aside.lua` has them."""


@dataclass(frozen=True)
class Share:
    """One process's share. `until` is when it goes to the others if the process stays away; times are Unix seconds."""

    name: str
    ratio: float
    heard: float
    is_away: bool
    until: float


def parse(entries: Mapping[bytes, bytes], now_ms: int) -> tuple[Share, ...]:
    """The shares that `beat.lua` wrote, those that are set aside first; one without a name is nobody's we know."""
    own = entries.get(b"*")
    if own is None:
        return ()
    _, forgetful, away, for_good = map(int, own.split())
    found = sorted(_parsed(entries, now_ms, away, for_good), key=lambda one: (not one.is_away, one.name))
    known = sum(one.ratio for one in found)
    if now_ms < forgetful and round(known * _ALL) < _ALL:
        found.insert(0, Share("", 1 - known, 0.0, is_away=True, until=forgetful / 1000))
    return tuple(found)


def _parsed(entries: Mapping[bytes, bytes], now_ms: int, away: int, for_good: int) -> Iterator[Share]:
    for name, text in entries.items():
        if name == b"*":
            continue
        _, held, told, acked, seen, _ = text.split()
        until = int(seen) + for_good
        if now_ms <= until:
            yield Share(
                name.decode(),
                max(int(held), int(told)) / _ALL,
                int(acked) / 1000,
                is_away=now_ms > int(acked) + away,
                until=until / 1000,
            )
