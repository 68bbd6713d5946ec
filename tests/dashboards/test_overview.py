import re
from pathlib import Path
from typing import Any

import yaml

from alerts.definitions import define
from alerts.model import Links
from alerts.objectives import OBJECTIVES
from alerts.panels import OVERVIEW_UID, Panel
from dashboards.overview import overview
from dashboards.walk import panels, plain
from tests.alerts.promtool import promtool

ROOT = Path(__file__).parents[2]


def _by_id() -> dict[int, dict[str, Any]]:
    return {panel["id"]: panel for panel in panels(overview())}


def _steps(panel: dict[str, Any]) -> list[float | None]:
    return [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]]


def test_promtool_accepts_every_query(tmp_path: Path) -> None:
    dashboard = overview()
    expressions = [target["expr"] for panel in panels(dashboard) for target in panel["targets"]]
    expressions += [mark["target"]["expr"] for mark in dashboard["annotations"]["list"]]
    assert len(expressions) > 40
    rules = [
        {"record": f"panel:query_{number}:x", "expr": plain(expr)} for number, expr in enumerate(expressions)
    ]
    path = tmp_path / "queries.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    done = promtool("check", "rules", path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_leads_to_a_panel_of_this_dashboard() -> None:
    dashboard, shown = overview(), _by_id()
    assert dashboard["uid"] == OVERVIEW_UID
    for alert in define():
        assert int(alert.annotations(Links())["__panelId__"]) in shown, alert.name


def test_an_alert_and_its_panel_read_the_same_metric_and_threshold() -> None:
    shown = _by_id()
    for alert in define():
        panel = shown[int(alert.panel)]
        drawn = " ".join(target["expr"] for target in panel["targets"])
        read = set(re.findall(r"calgate_\w+", alert.expr))
        assert not read or read & set(re.findall(r"calgate_\w+", drawn)), alert.name
        for name in alert.objectives:
            if panel["type"] == "timeseries" and OBJECTIVES[name].threshold:
                assert OBJECTIVES[name].threshold in _steps(panel), alert.name


def test_every_red_panel_has_a_runbook_that_is_there() -> None:
    for panel in panels(overview()):
        runbook = panel["description"].rpartition("If this is red: ")[2]
        assert (ROOT / runbook).is_file(), runbook


def test_every_panel_alerts_may_name_exists() -> None:
    assert set(map(int, Panel)) <= set(_by_id())


def test_rows_go_from_the_verdict_to_the_machinery() -> None:
    rows = [p for p in overview()["panels"] if p["type"] == "row"]
    assert [row["collapsed"] for row in rows] == [False] * 5 + [True] * 3
    assert rows[0]["title"] == "Is it all right?"


def test_the_same_input_gives_the_same_dashboard() -> None:
    assert overview() == overview()
