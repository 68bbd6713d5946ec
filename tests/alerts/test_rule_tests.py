from pathlib import Path

import pytest

from alerts.cases import PLAYBOOKS, Playbook
from alerts.definitions import define
from tests.alerts.promtool import promtool, write_bundle

ALERTS = {alert.name: alert for alert in define()}


def test_every_alert_has_one_playbook() -> None:
    assert sorted(playbook.alert for playbook in PLAYBOOKS) == sorted(ALERTS)


@pytest.mark.parametrize("playbook", PLAYBOOKS, ids=lambda playbook: playbook.alert)
def test_a_playbook_shows_every_side_of_its_alert(playbook: Playbook) -> None:
    alert = ALERTS[playbook.alert]
    kinds = {case.kind for case in playbook.cases}
    if alert.severity == "none":
        assert kinds == {"fires"}
        return
    assert {"fires", "below", "missing", "clears"} <= kinds
    assert ("waits" in kinds) == bool(alert.for_seconds)
    assert ("keeps" in kinds) == bool(alert.keep_seconds)
    assert ("floor" in kinds) == (">= 300" in alert.expr)


@pytest.mark.parametrize("playbook", PLAYBOOKS, ids=lambda playbook: playbook.alert)
def test_the_rules_play_their_playbook(playbook: Playbook, tmp_path: Path) -> None:
    write_bundle(tmp_path)
    done = promtool("test", "rules", tmp_path / "tests" / f"{playbook.alert}.test.yml")
    assert done.returncode == 0, done.stdout + done.stderr
