"""Prometheus rule files from the alerts."""

from itertools import groupby

import yaml

from alerts.definitions import define
from alerts.model import Alert, Links


def duration(seconds: int) -> str:
    """Whole seconds in the largest unit that divides them: 300 is 5m."""
    for size, unit in ((3600, "h"), (60, "m")):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def rule(alert: Alert, links: Links) -> dict[str, object]:
    """One alert as Prometheus writes it."""
    rendered: dict[str, object] = {"alert": alert.name, "expr": alert.expr}
    if alert.for_seconds:
        rendered["for"] = duration(alert.for_seconds)
    if alert.keep_seconds:
        rendered["keep_firing_for"] = duration(alert.keep_seconds)
    rendered["labels"] = alert.labels()
    rendered["annotations"] = alert.annotations(links)
    return rendered


def rule_groups(alerts: tuple[Alert, ...], links: Links) -> dict[str, object]:
    """The rule file's content: one group per incident, in the order the alerts are defined."""
    ordered = sorted(alerts, key=lambda alert: alert.incident)
    return {
        "groups": [
            {"name": f"calgate-{incident}", "rules": [rule(alert, links) for alert in members]}
            for incident, members in groupby(ordered, key=lambda alert: alert.incident)
        ]
    }


def rule_file(alerts: tuple[Alert, ...] | None = None, links: Links | None = None) -> str:
    """The rule file as YAML, for `rule_files` of Prometheus 2.42 and later (3.x included)."""
    return to_yaml(rule_groups(define() if alerts is None else alerts, links or Links()))


def to_yaml(document: object) -> str:
    """YAML in the order given, one line per string, nothing escaped without need."""
    return yaml.safe_dump(document, sort_keys=False, width=10_000, allow_unicode=True)
