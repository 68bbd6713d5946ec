"""What grafanalib writes, as today's Grafana means it.

grafanalib marks its output with schema version 12, so a current Grafana would run ten years of migrations
over it. Only the fields of the present schema are kept, no nulls, and the version says so.
"""

import json
from typing import Any

from grafanalib import core
from grafanalib._gen import DashboardEncoder

SCHEMA_VERSION = 41

_DASHBOARD = {
    "annotations",
    "description",
    "editable",
    "graphTooltip",
    "links",
    "panels",
    "refresh",
    "schemaVersion",
    "tags",
    "templating",
    "time",
    "timepicker",
    "timezone",
    "title",
    "uid",
    "version",
}
_PANEL = {
    "datasource",
    "description",
    "fieldConfig",
    "gridPos",
    "id",
    "options",
    "targets",
    "title",
    "transparent",
    "type",
}
_ROW = {"collapsed", "gridPos", "id", "panels", "title", "type"}
_TARGET = {"datasource", "expr", "legendFormat", "refId"}
_VARIABLE = {
    "allValue",
    "current",
    "datasource",
    "hide",
    "includeAll",
    "label",
    "multi",
    "name",
    "query",
    "refresh",
    "regex",
    "sort",
    "type",
}


def modern(dashboard: core.Dashboard) -> dict[str, Any]:
    """The dashboard as JSON-ready data in the current schema."""
    raw = json.loads(json.dumps(dashboard.to_json_data(), cls=DashboardEncoder))
    kept = _only(_DASHBOARD, raw)
    kept["schemaVersion"] = SCHEMA_VERSION
    kept["panels"] = [_panel(panel) for panel in raw["panels"]]
    kept["templating"] = {"list": [_variable(variable) for variable in raw["templating"]["list"]]}
    kept["timepicker"] = {}
    return {key: _prune(value) for key, value in sorted(kept.items())}


def _panel(panel: dict[str, Any]) -> dict[str, Any]:
    if panel["type"] == "row":
        return {**_only(_ROW, panel), "panels": [_panel(inner) for inner in panel["panels"]]}
    kept = _only(_PANEL, panel)
    kept["targets"] = [_target(target) for target in panel["targets"]]
    # Removed with the nulls otherwise: the lowest step has no value by definition.
    kept["fieldConfig"]["defaults"]["thresholds"]["steps"] = [
        {"color": step["color"], "value": _LOWEST if step["value"] is None else step["value"]}
        for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    ]
    return kept


def _target(target: dict[str, Any]) -> dict[str, Any]:
    # Every query is a range: a stat's sparkline needs it, and its last value is the answer.
    return {**_only(_TARGET, target), "editorMode": "code", "range": True, "exemplar": False}


def _variable(variable: dict[str, Any]) -> dict[str, Any]:
    kept = _only(_VARIABLE, variable)
    if variable["includeAll"]:
        kept["current"] = {"selected": True, "text": ["All"], "value": ["$__all"]}
    else:
        del kept["current"]
    if variable["type"] == "datasource":
        del kept["refresh"], kept["sort"]
    return kept


def _only(names: set[str], data: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name in names}


_LOWEST = "lowest"


def _prune(value: Any) -> Any:
    """Without nulls, at any depth; the mark of the lowest threshold becomes the one null that is meant."""
    if isinstance(value, dict):
        return {key: _prune(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_prune(inner) for inner in value]
    return None if value == _LOWEST else value
