"""A thin layer over grafanalib: panels as this project wants them.

grafanalib's own defaults are those of 2018 (coarse steps, averages in stats, empty thresholds). Everything
here is given explicitly; what grafanalib adds nevertheless is removed by `dashboards.modern`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from grafanalib import core

from alerts.model import Links
from dashboards.limits import ABOVE_ZERO, UNBOUNDED, Step

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS = 24


@dataclass(frozen=True, slots=True)
class Query:
    """One line, or one set of lines, of a panel; `legend` uses Grafana's `{{label}}`."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Tile:
    """One panel before it has a place. `runbook` names the page in `docs/runbooks` that helps when it is red.

    `kind`: `graph` draws lines, with limits as lines and areas; `stat` shows the last value; `timeline` draws
    states, named by `states`. `height` is in grid rows, `width` in 24ths.
    """

    id: int
    kind: str
    title: str
    about: str
    runbook: str
    unit: str
    queries: tuple[Query, ...]
    steps: tuple[Step, ...] = UNBOUNDED
    states: tuple[tuple[int, str, str], ...] = ()
    width: int = 8
    height: int = 7
    stacked: bool = False
    floor_zero: bool = True
    ceiling: int | None = None


@dataclass(frozen=True, slots=True)
class Band:
    """A row of tiles under one title."""

    title: str
    tiles: tuple[Tile, ...]
    collapsed: bool = False


def build(tile: Tile, links: Links, x: int, y: int) -> Any:
    """The grafanalib panel for a tile, at column `x` and row `y`."""
    common: dict[str, Any] = {
        "id": tile.id,
        "title": tile.title,
        "description": f"{tile.about} If this is red: {links.runbook(tile.runbook)}",
        "dataSource": DATASOURCE,
        "targets": _targets(tile),
        "gridPos": core.GridPos(h=tile.height, w=tile.width, x=x, y=y),
        "thresholds": [{"color": step.colour, "value": step.value} for step in tile.steps],
        "mappings": _mappings(tile.states),
    }
    match tile.kind:
        case "graph":
            return _graph(tile, common)
        case "stat":
            return _stat(tile, common)
        case "timeline":
            return core.StateTimeline(**common, showValue="auto", extraJson=_defaults(tile))
        case kind:
            raise ValueError(f"{tile.title}: no panel is of kind {kind!r}")


_NO_LEGEND_FOR_ZEROS = {
    # Every known label value is exported from the start; those that never occurred would fill the legend.
    "matcher": {"id": "byValue", "options": {"reducer": "allIsZero", "op": "gte", "value": 0}},
    "properties": [{"id": "custom.hideFrom", "value": {"legend": True, "tooltip": True, "viz": False}}],
}


def _graph(tile: Tile, common: dict[str, Any]) -> Any:
    # Where nothing at all is allowed an area above 0 would paint the whole panel red: there the line turns
    # red.
    nothing_allowed = any(step.value == ABOVE_ZERO for step in tile.steps)
    bounded = tile.steps != UNBOUNDED and not nothing_allowed
    return core.TimeSeries(
        **common,
        unit=tile.unit,
        lineWidth=2,
        fillOpacity=25 if tile.stacked else 8,
        showPoints="never",
        spanNulls=False,
        stacking={"mode": "normal" if tile.stacked else "none", "group": "A"},
        colorMode="thresholds" if nothing_allowed else "palette-classic",
        thresholdsStyleMode="dashed+area" if bounded else "off",
        overrides=[_NO_LEGEND_FOR_ZEROS],
        tooltipMode="multi",
        tooltipSort="desc",
        axisSoftMin=0 if tile.floor_zero else None,
        valueMax=tile.ceiling,
        legendDisplayMode="list",
        legendPlacement="bottom",
        extraJson={
            "fieldConfig": {"defaults": {"noValue": "no data"}},
            "options": {"legend": {"showLegend": True}},
        },
    )


def _stat(tile: Tile, common: dict[str, Any]) -> Any:
    return core.Stat(
        **common,
        format=tile.unit,
        reduceCalc="lastNotNull",
        noValue="no data",
        colorMode="background" if tile.steps != UNBOUNDED else "none",
        graphMode="area",
        color={"mode": "thresholds"},
        extraJson={
            "options": {"wideLayout": True, "showPercentChange": False, "percentChangeColorMode": "standard"}
        },
    )


def _defaults(tile: Tile) -> dict[str, Any]:
    return {
        "fieldConfig": {"defaults": {"noValue": "no data", "unit": tile.unit}},
        "options": {"legend": {"showLegend": True, "calcs": []}, "tooltip": {"sort": "none"}},
    }


def _targets(tile: Tile) -> list[Any]:
    return [
        core.Target(expr=query.expr, legendFormat=query.legend or "__auto", refId=ref, datasource=DATASOURCE)
        for query, ref in zip(tile.queries, "ABCDEFGH", strict=False)
    ]


def _mappings(states: Sequence[tuple[int, str, str]]) -> list[dict[str, Any]]:
    """Numbers shown as words: (number, word, colour)."""
    if not states:
        return []
    options = {
        str(number): {"text": word, "color": colour, "index": index}
        for index, (number, word, colour) in enumerate(states)
    }
    return [{"type": "value", "options": options}]
