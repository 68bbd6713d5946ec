"""What an alert is: pure data, rendered by `alerts.rules`."""

from dataclasses import dataclass
from typing import Literal

from alerts.panels import OVERVIEW_UID, Panel

Severity = Literal["page", "ticket", "none"]
Incident = Literal["upstream", "freshness", "serving", "database", "platform"]


@dataclass(frozen=True, slots=True)
class Links:
    """Where alerts lead: `runbooks` and `grafana` are bases without a trailing slash.

    The runbooks' default is their place in the project, which needs no web server to be found.
    """

    runbooks: str = "docs/runbooks"
    grafana: str = "http://localhost:3000"

    def runbook(self, alert: str) -> str:
        """The page to open when `alert` fires."""
        return f"{self.runbooks.rstrip('/')}/{alert}.md"

    def panel(self, panel: Panel) -> str:
        """The graph behind an alert, alone on the screen."""
        return f"{self.grafana.rstrip('/')}/d/{OVERVIEW_UID}?viewPanel={int(panel)}"


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert. `for_seconds` is against flapping only; `keep_seconds` stops resolve-and-refire.

    `summary` says what broke, `description` how bad with numbers and for whom, `action` is the first command
    to run. The texts may use Prometheus' templates. `objectives` names the criteria whose thresholds are
    inside.
    """

    name: str
    severity: Severity
    incident: Incident
    expr: str
    summary: str
    description: str
    action: str
    panel: Panel
    for_seconds: int = 0
    keep_seconds: int = 0
    objectives: tuple[str, ...] = ()

    def labels(self) -> dict[str, str]:
        """Labels that routing relies on. Never a measured value: that would restart `for` at each change."""
        return {"severity": self.severity, "incident": self.incident}

    def annotations(self, links: Links) -> dict[str, str]:
        """What the person called out reads, templates still in it."""
        return {
            "summary": self.summary,
            "description": self.description,
            "action": self.action,
            "runbook_url": links.runbook(self.name),
            "dashboard_url": links.panel(self.panel),
            "__dashboardUid__": OVERVIEW_UID,
            "__panelId__": str(int(self.panel)),
        }
