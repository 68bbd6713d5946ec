"""Our own rules for dashboards, beyond the linter's."""

from collections import Counter
from collections.abc import Iterator
from itertools import combinations

from alerts.promql import PromqlError
from alerts.vocabulary import misuses
from dashboards.lint import Finding
from dashboards.panels import COLUMNS
from dashboards.walk import Json, panels, rows

RED = "If this is red: "


def house(dashboard: Json) -> list[Finding]:
    """Everything our own rules find: identities, places, help for a red panel, metrics used as they are."""
    return [*_identities(dashboard), *_places(dashboard), *_help(dashboard), *_metrics(dashboard)]


def _identities(dashboard: Json) -> Iterator[Finding]:
    everything = [*rows(dashboard), *panels(dashboard)]
    for panel_id, times in Counter(panel.get("id") for panel in everything).items():
        if times > 1 or not isinstance(panel_id, int):
            yield Finding("unique-ids", f"id {panel_id}", f"used {times} times")
    for panel in panels(dashboard):
        names = [target.get("refId") for target in panel.get("targets", [])]
        if len(set(names)) != len(names) or not all(names):
            yield Finding("unique-ref-ids", panel["title"], f"its queries are named {names}")


def _places(dashboard: Json) -> Iterator[Finding]:
    layers = [dashboard.get("panels", []), *(row.get("panels", []) for row in rows(dashboard))]
    for layer in layers:
        for panel in layer:
            place = panel["gridPos"]
            if place["x"] < 0 or place["w"] < 1 or place["x"] + place["w"] > COLUMNS:
                yield Finding("in-the-grid", panel["title"], f"{place} leaves the {COLUMNS} columns")
        for one, other in combinations(layer, 2):
            if _overlap(one["gridPos"], other["gridPos"]):
                yield Finding("no-overlap", one["title"], f"overlaps {other['title']}")


def _overlap(one: Json, other: Json) -> bool:
    return bool(
        one["x"] < other["x"] + other["w"]
        and other["x"] < one["x"] + one["w"]
        and one["y"] < other["y"] + other["h"]
        and other["y"] < one["y"] + one["h"]
    )


def _help(dashboard: Json) -> Iterator[Finding]:
    for panel in panels(dashboard):
        text, _, runbook = panel.get("description", "").rpartition(RED)
        if not text or not runbook or " " in runbook:
            yield Finding("runbook", panel["title"], f"its description ends in {RED!r} and one link")


def _metrics(dashboard: Json) -> Iterator[Finding]:
    for panel in panels(dashboard):
        for target in panel.get("targets", []):
            try:
                found = misuses(target["expr"])
            except PromqlError as error:
                found = [str(error)]
            for complaint in found:
                yield Finding("catalogue", panel["title"], complaint)
