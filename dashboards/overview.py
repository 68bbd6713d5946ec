"""The Overview dashboard: one question, "is it all right?", then who feels it, then why."""

from typing import Any

from grafanalib import core

from alerts.model import Links
from alerts.panels import OVERVIEW_UID
from dashboards.bands.cache import cache, freshness
from dashboards.bands.callers import callers
from dashboards.bands.inside import database, jobs, monitor
from dashboards.bands.upstream import upstream
from dashboards.bands.verdict import verdict
from dashboards.grid import lay_out
from dashboards.modern import modern
from dashboards.panels import DATASOURCE
from dashboards.queries import series
from dashboards.variables import variables


def overview(links: Links | None = None) -> dict[str, Any]:
    """The dashboard as JSON-ready data; `links` says where runbooks are."""
    bands = (
        verdict(),
        callers(),
        upstream(),
        cache(),
        freshness(),
        jobs(),
        database(),
        monitor(),
    )
    return modern(
        core.Dashboard(
            title="Calgate: overview",
            uid=OVERVIEW_UID,
            description="Is the gateway all right, who feels it, and why. Generated; edits here are lost.",
            tags=["calgate"],
            editable=False,
            graphTooltip=core.GRAPH_TOOLTIP_MODE_SHARED_CROSSHAIR,
            timezone="browser",
            refresh="10s",
            time=core.Time("now-3h", "now"),
            links=[core.DashboardLink(title="Calgate", tags=["calgate"], keepTime=True, includeVars=True)],
            templating=core.Templating(variables()),
            annotations=core.Annotations(_annotations()),
            panels=lay_out(bands, links or Links()),
        )
    )


def _annotations() -> list[dict[str, Any]]:
    marks = (
        ("Breaker open", "red", f"{series('breaker_state', state='open')} == 1", "{{endpoint}}"),
        (
            "Blocked by Cal.com",
            "dark-red",
            f"{series('budget_blocked_until_timestamp_seconds')} > time()",
            "{{credential}}",
        ),
        (
            "Deploy",
            "blue",
            f"{series('build_info')} unless {series('build_info')} offset 2m",
            "{{version}} {{revision}}",
        ),
    )
    return [
        {
            "name": name,
            "datasource": DATASOURCE,
            "enable": True,
            "hide": False,
            "iconColor": colour,
            "target": {"refId": "Anno", "expr": expr},
            "titleFormat": name,
            "textFormat": text,
        }
        for name, colour, expr, text in marks
    ]
