from collections.abc import Callable
from typing import Any

import pytest

from dashboards.bundle import dashboards
from dashboards.house import house
from tests.dashboards.broken import sound

Json = dict[str, Any]


def _first(**changes: Any) -> Callable[[Json], None]:
    return lambda dashboard: dashboard["panels"][0].update(changes)


BREAKAGES: list[tuple[str, Callable[[Json], None]]] = [
    ("unique-ids", _first(id=2)),
    ("unique-ids", _first(id=None)),
    (
        "unique-ref-ids",
        lambda dashboard: dashboard["panels"][0].update(targets=dashboard["panels"][0]["targets"] * 2),
    ),
    ("in-the-grid", _first(gridPos={"x": 13, "y": 0, "w": 12, "h": 5})),
    ("no-overlap", _first(gridPos={"x": 0, "y": 0, "w": 12, "h": 6})),
    ("runbook", _first(description="Requests.")),
    ("catalogue", _first(targets=[{"refId": "A", "expr": "calgate_nothing"}])),
    ("catalogue", _first(targets=[{"refId": "A", "expr": "calgate_up{"}])),
]


@pytest.mark.parametrize("name", dashboards())
def test_our_dashboards_have_no_finding(name: str) -> None:
    assert [str(finding) for finding in house(dashboards()[name])] == []


def test_a_sound_dashboard_has_no_finding() -> None:
    assert house(sound()) == []


@pytest.mark.parametrize(("rule", "damage"), BREAKAGES)
def test_a_rule_finds_what_it_forbids(rule: str, damage: Callable[[Json], None]) -> None:
    dashboard = sound()
    damage(dashboard)
    assert {finding.rule for finding in house(dashboard)} == {rule}
