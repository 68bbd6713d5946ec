"""The tables of `docs/alerts.md`, so that the page cannot drift from the code.

`python -m alerts.docs` prints them.
"""

from alerts.definitions import define, number, percent
from alerts.model import Alert
from alerts.objectives import OBJECTIVES, Objective
from alerts.rules import duration


def alert_table() -> str:
    """One line per alert."""
    lines = ["| Alert | Severity | Incident | For / keep | Fires when |", "|---|---|---|---|---|"]
    return "\n".join([*lines, *(_alert(alert) for alert in define())]) + "\n"


def objective_table() -> str:
    """One line per objective."""
    lines = ["| Objective | Criterion | Limit | Needs | Source |", "|---|---|---|---|---|"]
    return "\n".join([*lines, *(_objective(objective) for objective in OBJECTIVES.values())]) + "\n"


def _alert(alert: Alert) -> str:
    times = f"{_time(alert.for_seconds)} / {_time(alert.keep_seconds)}"
    expression = alert.expr.replace("|", "\\|")
    return (
        f"| [{alert.name}](runbooks/{alert.name}.md) | {alert.severity} | {alert.incident} | {times} "
        f"| `{expression}` |"
    )


def _time(seconds: int) -> str:
    return duration(seconds) if seconds else "-"


def _objective(objective: Objective) -> str:
    limit = percent(objective.threshold) if objective.unit == "ratio" else number(objective.threshold)
    unit = "" if objective.unit == "ratio" else f" {objective.unit}"
    return (
        f"| {objective.name} | {objective.statement} | {objective.comparison} {limit}{unit} "
        f"| {objective.min_count} | {objective.source} |"
    )


if __name__ == "__main__":
    print(alert_table())
    print(objective_table())
