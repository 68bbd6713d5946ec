"""All dashboards, as `calgate dashboards` writes them."""

import json
from typing import Any

from alerts.model import Links
from dashboards.overview import overview


def dashboards(links: Links | None = None) -> dict[str, dict[str, Any]]:
    """File name to dashboard."""
    return {"overview.json": overview(links)}


def bundle(links: Links | None = None) -> dict[str, str]:
    """File name to the JSON text Grafana provisions; the same input gives the same bytes."""
    return {
        name: json.dumps(dashboard, indent=2, ensure_ascii=False) + "\n"
        for name, dashboard in dashboards(links).items()
    }
