"""What whoever makes up writes looks at, and what they ask for: a simulated Cal.com's own world, and requests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol

from calcom.simulator.world import World

BOOKINGS: Final = "2024-08-13"
TYPES: Final = "2024-06-14"
SCHEDULES: Final = "2024-06-11"
SLOTS: Final = "2024-09-04"
OLD: Final = "2024-04-15"
"""API versions, by what they are asked for."""


class Site(Protocol):
    """A Cal.com that one can look into."""

    @property
    def world(self) -> World:
        """The truth."""
        ...

    @property
    def now(self) -> datetime:
        """Its time, aware."""
        ...


@dataclass(frozen=True)
class Request:
    """One request, by the key of the `user` (None: without one). `lost` is one whose answer never arrives."""

    method: str
    path: str
    body: Any = None
    user: int | None = 1
    version: str = BOOKINGS
    query: Mapping[str, str] = field(default_factory=dict)
    lost: bool = False

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.body} by {self.user}{' (lost)' if self.lost else ''}"
