"""How long Cal.com takes: the report's usual figures, and the slow days of contract 9."""

from dataclasses import dataclass
from random import Random
from typing import Literal

Kind = Literal["slots", "slots_cached", "booking", "other"]

#: Contract 9: the edge in front of Cal.com gives up after a minute.
EDGE_CUT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Profile:
    """Ranges of (least, most) seconds per kind of call; drawn uniformly."""

    slots: tuple[float, float]
    slots_cached: tuple[float, float]
    booking: tuple[float, float]
    other: tuple[float, float]

    def draw(self, kind: Kind, random: Random) -> float:
        """Seconds that one call of this kind takes; no randomness is used up where there is none to draw."""
        least, most = self.for_kind(kind)
        return random.uniform(least, most) if most > least else least

    def for_kind(self, kind: Kind) -> tuple[float, float]:
        """The range for one kind."""
        match kind:
            case "slots":
                return self.slots
            case "slots_cached":
                return self.slots_cached
            case "booking":
                return self.booking
            case "other":
                return self.other


def _slow(least: float, most: float) -> Profile:
    """Slots and bookings in this range; the rest as usual, since the threads report those two as slow."""
    return Profile((least, most), (0.05, 0.1), (least, most), (0.1, 0.4))


PROFILES: dict[str, Profile] = {
    "none": Profile((0, 0), (0, 0), (0, 0), (0, 0)),
    # A call that finds its answer in Cal.com's own cache skips the computation, not the way there.
    "report": Profile((0.3, 0.8), (0.05, 0.1), (1.5, 5.0), (0.1, 0.4)),
    "lt3": _slow(1.0, 3.0),
    "5-10": _slow(5.0, 10.0),
    "20-25": _slow(20.0, 25.0),
    "40-47": _slow(40.0, 47.0),
    "cut60": _slow(61.0, 90.0),
}
