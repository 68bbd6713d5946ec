"""promtool unit tests from the playbooks."""

from collections.abc import Mapping

from alerts.cases import PLAYBOOKS, Case, Firing, Playbook
from alerts.definitions import define
from alerts.model import Alert, Links
from alerts.rules import to_yaml

RULES_FILE = "calgate.rules.yml"
"""The rule file's name; the tests name it relative to themselves."""


def promtool_tests(links: Links | None = None, rules: str = f"../{RULES_FILE}") -> dict[str, str]:
    """File name to content, one file per alert, for `promtool test rules`; `rules` is the rule file's
    path.
    """
    alerts = {alert.name: alert for alert in define()}
    return {
        f"{playbook.alert}.test.yml": to_yaml(
            _file(alerts[playbook.alert], playbook, links or Links(), rules)
        )
        for playbook in PLAYBOOKS
    }


def _file(alert: Alert, playbook: Playbook, links: Links, rules: str) -> dict[str, object]:
    return {
        "rule_files": [rules],
        "evaluation_interval": f"{playbook.step}s",
        "tests": [_case(alert, case, playbook.step, links) for case in playbook.cases],
    }


def _case(alert: Alert, case: Case, step: int, links: Links) -> dict[str, object]:
    return {
        "name": f"{alert.name} {case.kind}: {case.claim}",
        "interval": f"{step}s",
        "input_series": [{"series": name, "values": values} for name, values in case.series.items()],
        "alert_rule_test": [
            {
                "eval_time": f"{case.at}s",
                "alertname": alert.name,
                "exp_alerts": [_expected(alert, firing, links) for firing in case.firing],
            }
        ],
    }


def _expected(alert: Alert, firing: Firing, links: Links) -> dict[str, Mapping[str, str]]:
    return {
        "exp_labels": {**alert.labels(), **firing.labels},
        "exp_annotations": {
            **alert.annotations(links),
            "summary": firing.summary,
            "description": firing.description,
        },
    }
