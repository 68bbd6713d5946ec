"""The seventeen rules of Grafana's dashboard linter, written from their descriptions.

No exclusions: a finding is fixed in the dashboard, never silenced.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from alerts.promql import PromqlError, Selector, selectors
from dashboards.walk import Json, panels, plain, variables

UNITS = frozenset(
    {
        *("short", "none", "percent", "percentunit", "bool"),
        *("s", "ms", "dtdurations", "dateTimeFromNow"),
        *("bytes", "Bps", "reqps", "ops", "cps", "reqpm", "opm", "cpm"),
    }
)
"""The units our panels may have."""

_DATASOURCE = re.compile(r"\$\{?datasource\}?")
_LABEL_VALUES = re.compile(r"label_values\((?:(?P<series>.+),\s*)?\w+\)")
_RATES = frozenset({"rate", "irate"})
_COUNTING = _RATES | {"increase"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule broken at one place."""

    rule: str
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.where}: {self.what}"


Rule = Callable[[Json], Iterator[tuple[str, str]]]


def lint(dashboard: Json) -> list[Finding]:
    """Everything the rules find in a dashboard's JSON."""
    return [Finding(name, where, what) for name, rule in RULES.items() for where, what in rule(dashboard)]


def _template_datasource(dashboard: Json) -> Iterator[tuple[str, str]]:
    sources = [v for v in variables(dashboard) if v.get("type") == "datasource"]
    if [v.get("name") for v in sources] != ["datasource"]:
        yield "variables", "one data source variable, named datasource"
    for variable in sources:
        if variable.get("label") != "Data source":
            yield str(variable.get("name")), "labelled Data source"


def _template_label(name: str) -> Rule:
    def rule(dashboard: Json) -> Iterator[tuple[str, str]]:
        found = [v for v in variables(dashboard) if v.get("name") == name]
        if not found:
            yield "variables", f"a variable named {name}"
        for variable in found:
            wanted = {"type": "query", "multi": True, "allValue": ".+", "label": name.capitalize()}
            for key, value in wanted.items():
                if variable.get(key) != value:
                    yield name, f"{key} is {value!r}"
            if not _templated(variable):
                yield name, "reads the data source variable"

    return rule


def _template_label_promql(dashboard: Json) -> Iterator[tuple[str, str]]:
    for variable in _query_variables(dashboard):
        match = _LABEL_VALUES.fullmatch(str(variable.get("query")))
        if match is None:
            yield variable["name"], "a label_values query"
        elif match["series"] and (complaint := _unreadable(match["series"])):
            yield variable["name"], complaint


def _template_reload(dashboard: Json) -> Iterator[tuple[str, str]]:
    for variable in _query_variables(dashboard):
        if variable.get("refresh") != 2:
            yield variable["name"], "reloads when the time range changes"


def _panel_datasource(dashboard: Json) -> Iterator[tuple[str, str]]:
    for panel in panels(dashboard):
        if not _templated(panel):
            yield _name(panel), "reads the data source variable"


def _panel_title_description(dashboard: Json) -> Iterator[tuple[str, str]]:
    for panel in panels(dashboard):
        if not panel.get("title") or not panel.get("description"):
            yield _name(panel), "has a title and a description"


def _panel_units(dashboard: Json) -> Iterator[tuple[str, str]]:
    for panel in panels(dashboard):
        defaults = panel.get("fieldConfig", {}).get("defaults", {})
        if defaults.get("unit") not in UNITS and not defaults.get("mappings"):
            yield _name(panel), f"has a known unit, not {defaults.get('unit')!r}"


def _panel_no_targets(dashboard: Json) -> Iterator[tuple[str, str]]:
    for panel in panels(dashboard):
        if not panel.get("targets"):
            yield _name(panel), "has a query"


def _target_promql(dashboard: Json) -> Iterator[tuple[str, str]]:
    for where, expr in _queries(dashboard, "prometheus"):
        if complaint := _unreadable(expr):
            yield where, complaint


def _target_logql(dashboard: Json) -> Iterator[tuple[str, str]]:
    for where, expr in _queries(dashboard, "loki"):
        if re.search(r"\{[^}]*\}", expr) is None:
            yield where, "selects log streams in braces"


def _target_logql_auto(dashboard: Json) -> Iterator[tuple[str, str]]:
    for where, expr in _queries(dashboard, "loki"):
        for window in re.findall(r"\[([^\]]*)\]", expr):
            if window != "$__auto":
                yield where, f"counts over $__auto, not {window}"


def _target_rate_interval(dashboard: Json) -> Iterator[tuple[str, str]]:
    for where, selector in _selected(dashboard):
        if selector.function in _RATES and selector.window != "$__rate_interval":
            yield where, f"{selector.function} over $__rate_interval, not {selector.window}"


def _target_matcher(label: str) -> Rule:
    def rule(dashboard: Json) -> Iterator[tuple[str, str]]:
        for where, selector in _selected(dashboard):
            if not any((m.label, m.op, m.value) == (label, "=~", f"${label}") for m in selector.matchers):
                yield where, f'{selector.name} is matched by {label}=~"${label}"'

    return rule


def _target_counter(dashboard: Json) -> Iterator[tuple[str, str]]:
    for where, selector in _selected(dashboard):
        if selector.name.endswith("_total") and not _COUNTING.intersection(selector.inside):
            yield where, f"{selector.name} is read through rate, irate or increase"


def _uneditable(dashboard: Json) -> Iterator[tuple[str, str]]:
    if dashboard.get("editable") is not False:
        yield "dashboard", "editable is false"


RULES: dict[str, Rule] = {
    "template-datasource-rule": _template_datasource,
    "template-job-rule": _template_label("job"),
    "template-instance-rule": _template_label("instance"),
    "template-label-promql-rule": _template_label_promql,
    "template-on-time-change-reload-rule": _template_reload,
    "panel-datasource-rule": _panel_datasource,
    "panel-title-description-rule": _panel_title_description,
    "panel-units-rule": _panel_units,
    "panel-no-targets-rule": _panel_no_targets,
    "target-promql-rule": _target_promql,
    "target-logql-rule": _target_logql,
    "target-logql-auto-rule": _target_logql_auto,
    "target-rate-interval-rule": _target_rate_interval,
    "target-job-rule": _target_matcher("job"),
    "target-instance-rule": _target_matcher("instance"),
    "target-counter-agg-rule": _target_counter,
    "uneditable-dashboard-rule": _uneditable,
}
"""Rules by the linter's own names; each yields the place and what should be true there."""


def _query_variables(dashboard: Json) -> Iterator[Json]:
    return (v for v in variables(dashboard) if v.get("type") == "query")


def _queries(dashboard: Json, language: str) -> Iterator[tuple[str, str]]:
    for panel in panels(dashboard):
        for target in panel.get("targets", []):
            source = target.get("datasource") or panel.get("datasource") or {}
            if source.get("type", "prometheus") == language:
                yield f"{_name(panel)} {target.get('refId')}", target.get("expr", "")


def _selected(dashboard: Json) -> Iterator[tuple[str, Selector]]:
    for where, expr in _queries(dashboard, "prometheus"):
        if not _unreadable(expr):
            yield from ((where, selector) for selector in selectors(expr))


def _unreadable(expr: str) -> str:
    if not expr:
        return "an expression"
    try:
        selectors(plain(expr))
    except PromqlError as error:
        return str(error)
    return ""


def _templated(thing: Json) -> bool:
    return _DATASOURCE.fullmatch(str((thing.get("datasource") or {}).get("uid"))) is not None


def _name(panel: Json) -> str:
    return f"panel {panel.get('title') or panel.get('id')!r}"
