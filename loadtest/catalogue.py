"""What the load may ask for: the event types, people and keys of the account under test."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class EventType:
    """One bookable event type and the ways to name it (contract 4.1, selectors A to C)."""

    id: int
    slug: str
    username: str | None = None
    team_slug: str | None = None
    lengths: tuple[int, ...] = (30,)
    """Minutes that may be asked for; one value for a type of fixed length."""
    host_ids: tuple[int, ...] = ()
    """Round-robin hosts that `rrHostSubsetIds` may pick from."""

    @property
    def is_variable(self) -> bool:
        """Whether a `duration` other than the default means anything."""
        return len(self.lengths) > 1


@dataclass(frozen=True, slots=True)
class Catalogue:
    """An account as a client knows it on one day. `event_types` come most popular first."""

    event_types: tuple[EventType, ...]
    today: date
    usernames: tuple[str, ...] = ()
    api_keys: tuple[str, ...] = ()
    booking_uids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.event_types:
            raise ValueError("A catalogue needs at least one event type, or there is nothing to ask for")
