from pathlib import Path

import yaml

from alerts.definitions import define
from alerts.model import Links
from alerts.rule_tests import RULES_FILE
from alerts.rules import duration, rule_file
from tests.alerts.promtool import promtool, write_bundle


def test_promtool_has_no_complaint_about_the_rules(tmp_path: Path) -> None:
    write_bundle(tmp_path)
    done = promtool("check", "rules", "--lint=all", "--lint-fatal", tmp_path / RULES_FILE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(define())} rules found" in done.stdout


def test_each_incident_is_one_group() -> None:
    groups = yaml.safe_load(rule_file())["groups"]
    names = [group["name"] for group in groups]
    assert len(set(names)) == len(names)
    for group in groups:
        assert {rule["labels"]["incident"] for rule in group["rules"]} == {
            group["name"].removeprefix("calgate-")
        }


def test_links_lead_where_they_are_told() -> None:
    text = rule_file(links=Links(runbooks="https://wiki.example/calgate/", grafana="https://g.example/"))
    assert "https://wiki.example/calgate/CalgateDown.md" in text
    assert "https://g.example/d/calgate-overview?viewPanel=1" in text


def test_durations_are_written_in_the_largest_whole_unit() -> None:
    assert [duration(s) for s in (5, 60, 90, 900, 3600)] == ["5s", "1m", "90s", "15m", "1h"]
