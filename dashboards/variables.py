"""The variables every dashboard has: data source, job, instance."""

from typing import Any

from grafanalib import core

from dashboards.panels import DATASOURCE

_REFRESH_ON_TIME_RANGE = 2


def variables() -> list[Any]:
    """Data source, then which Prometheus job, then which instances of it."""
    return [
        core.Template(name="datasource", label="Data source", type="datasource", query="prometheus"),
        _label("job", "Job", "calgate_up"),
        _label("instance", "Instance", 'calgate_up{job=~"$job"}'),
    ]


def _label(name: str, label: str, series: str) -> Any:
    return core.Template(
        name=name,
        label=label,
        type="query",
        query=f"label_values({series}, {name})",
        dataSource=DATASOURCE,
        refresh=_REFRESH_ON_TIME_RANGE,
        includeAll=True,
        multi=True,
        allValue=".+",
    )
