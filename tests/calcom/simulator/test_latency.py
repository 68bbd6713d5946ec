"""How long calls take, by profile (the report's figures, and contract 9)."""

from random import Random

import pytest

from calcom.simulator.latency import EDGE_CUT_SECONDS, PROFILES, Kind


@pytest.mark.parametrize(
    ("profile", "kind", "least", "most"),
    [
        ("report", "slots", 0.3, 0.8),
        ("report", "booking", 1.5, 5.0),
        ("report", "other", 0.1, 0.4),
        ("lt3", "slots", 0.0, 3.0),
        ("5-10", "slots", 5.0, 10.0),
        ("20-25", "booking", 20.0, 25.0),
        ("40-47", "slots", 40.0, 47.0),
        ("cut60", "slots", EDGE_CUT_SECONDS, 90.0),
    ],
)
def test_a_profile_keeps_to_its_range(profile: str, kind: Kind, least: float, most: float) -> None:
    random = Random(1)
    drawn = [PROFILES[profile].draw(kind, random) for _ in range(500)]
    assert least <= min(drawn) < max(drawn) <= most


def test_no_latency_uses_up_no_randomness() -> None:
    random = Random(1)
    assert PROFILES["none"].draw("slots", random) == 0
    assert random.random() == Random(1).random()


def test_the_same_seed_draws_the_same_latencies() -> None:
    one, other = Random("7:latency"), Random("7:latency")
    report = PROFILES["report"]
    assert [report.draw("slots", one) for _ in range(9)] == [report.draw("slots", other) for _ in range(9)]
