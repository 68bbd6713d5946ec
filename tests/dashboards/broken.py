"""A sound little dashboard to break."""

from typing import Any

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}


def sound() -> dict[str, Any]:
    """No rule finds anything in it."""
    return {
        "editable": False,
        "templating": {"list": [_datasource(), _label("job"), _label("instance")]},
        "panels": [
            _panel(1, "One", 0),
            {
                "id": 9,
                "type": "row",
                "title": "More",
                "gridPos": {"x": 0, "y": 5, "w": 24, "h": 1},
                "panels": [_panel(2, "Two", 6)],
            },
        ],
    }


def _datasource() -> dict[str, Any]:
    return {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"}


def _label(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "label": name.capitalize(),
        "type": "query",
        "query": f"label_values(calgate_up, {name})",
        "datasource": DATASOURCE,
        "multi": True,
        "allValue": ".+",
        "refresh": 2,
    }


def _panel(number: int, title: str, y: int) -> dict[str, Any]:
    expr = 'sum(rate(calgate_http_requests_total{job=~"$job", instance=~"$instance"}[$__rate_interval]))'
    return {
        "id": number,
        "type": "timeseries",
        "title": title,
        "description": "Requests. If this is red: docs/runbooks/CalgateDown.md",
        "datasource": DATASOURCE,
        "gridPos": {"x": 0, "y": y, "w": 12, "h": 5},
        "fieldConfig": {"defaults": {"unit": "reqps"}},
        "targets": [{"refId": "A", "expr": expr, "datasource": DATASOURCE}],
    }
