import re
import subprocess
from pathlib import Path

import pytest
import yaml

from alerts.bundle import ROUTING_FILE
from alerts.definitions import define
from alerts.model import Alert
from alerts.routing import INHIBITIONS, Receivers, alertmanager, routing_file
from tests.alerts.promtool import write_bundle
from tests.tools import require_tool

ALERTS = define()
RECEIVER = {"page": "pager", "ticket": "ticket", "none": "heartbeat"}


def test_amtool_accepts_the_file(tmp_path: Path) -> None:
    write_bundle(tmp_path)
    done = _amtool("check-config", str(tmp_path / ROUTING_FILE))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_each_alert_reaches_the_receiver_of_its_severity(alert: Alert, tmp_path: Path) -> None:
    write_bundle(tmp_path)
    labels = {"alertname": alert.name, **alert.labels()}
    done = _amtool(
        "config",
        "routes",
        "test",
        f"--config.file={tmp_path / ROUTING_FILE}",
        f"--verify.receivers={RECEIVER[alert.severity]}",
        *(f"{name}={value}" for name, value in labels.items()),
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_inhibitions_name_only_alerts_that_exist() -> None:
    known = {alert.name for alert in ALERTS}
    for inhibition in INHIBITIONS:
        assert set(inhibition.sources) | set(inhibition.targets) <= known


def test_no_alert_is_on_both_sides_of_an_inhibition() -> None:
    for inhibit in alertmanager(ALERTS, Receivers())["inhibit_rules"]:  # type: ignore[attr-defined]
        source, target = (
            {alert.name for alert in ALERTS if _matches(inhibit[side], alert.name)}
            for side in ("source_matchers", "target_matchers")
        )
        assert source
        assert target
        assert not source & target


def test_nothing_silences_the_watchdog() -> None:
    for inhibit in alertmanager(ALERTS, Receivers())["inhibit_rules"]:  # type: ignore[attr-defined]
        assert not _matches(inhibit["target_matchers"], "CalgateWatchdog")


def test_receivers_are_the_ones_given() -> None:
    parsed = yaml.safe_load(routing_file(Receivers("https://p.example/", "https://t.example/")))
    urls = {r["name"]: r["webhook_configs"][0]["url"] for r in parsed["receivers"]}
    assert urls == {
        "pager": "https://p.example/",
        "ticket": "https://t.example/",
        "heartbeat": "http://heartbeat.invalid/",
    }


def _amtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    tool = require_tool("amtool", "prometheus-alertmanager")
    return subprocess.run([tool, *arguments], capture_output=True, text=True, timeout=60, check=False)


def _matches(matchers: list[str], name: str) -> bool:
    (matcher,) = matchers
    found = re.fullmatch(r'alertname=(~?)"(.+)"', matcher)
    assert found, matcher
    return re.fullmatch(found[2], name) is not None if found[1] else found[2] == name
