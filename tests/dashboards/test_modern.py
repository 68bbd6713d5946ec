from collections.abc import Iterator
from typing import Any

from grafanalib import core

from dashboards.modern import modern
from dashboards.overview import overview
from dashboards.walk import panels


def _nulls(value: Any, path: str = "") -> Iterator[str]:
    if value is None:
        yield path
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _nulls(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from _nulls(inner, path)


def test_the_only_null_is_the_lowest_threshold() -> None:
    assert {path.rpartition(".thresholds.")[2] for path in _nulls(overview())} == {"steps.value"}


def test_no_field_of_an_old_grafana_is_left() -> None:
    old = {"__inputs", "rows", "style", "sharedCrosshair", "hideControls", "gnetId", "span", "maxDataPoints"}
    dashboard = overview()
    assert not old & set(dashboard)
    for panel in panels(dashboard):
        assert not (old | {"editable", "error", "cacheTimeout", "repeat"}) & set(panel)
        for target in panel["targets"]:
            assert not {"step", "intervalFactor", "metric", "target", "query"} & set(target)


def test_no_migration_older_than_the_modern_fields_runs() -> None:
    assert overview()["schemaVersion"] >= 39


def test_row_headings_are_nothing_but_rows() -> None:
    made = modern(
        core.Dashboard(title="x", panels=[core.RowPanel(title="row", gridPos=core.GridPos(1, 24, 0, 0))])
    )
    (row,) = made["panels"]
    assert set(row) == {"title", "type", "collapsed", "gridPos", "panels"}
