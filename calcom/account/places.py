"""What a path points at, with the organization's longer paths folded into the ordinary ones (contract 6.1)."""

from __future__ import annotations

from typing import Final

_BOTH: Final = ("teams", "users")


def place(path: str) -> tuple[str, ...]:
    """The segments after `/v2` of a normalised path.

    `/v2/organizations/1/teams/2/…` is `/v2/teams/2/…`, and likewise for users; other paths below an
    organization keep their `organizations` and its id.
    """
    parts = tuple(part for part in path.split("/") if part)
    if parts[:1] == ("v2",):
        parts = parts[1:]
    if parts[:1] == ("organizations",) and len(parts) > 2 and parts[2] in _BOTH:
        return parts[2:]
    return parts


def number(parts: tuple[str, ...], at: int) -> int | None:
    """The id at a position of a place; None when there is none."""
    if at < len(parts) and parts[at].isascii() and parts[at].isdigit():
        return int(parts[at])
    return None
