from collections.abc import Callable
from typing import Any

import pytest

from dashboards.bundle import dashboards
from dashboards.lint import RULES, lint
from tests.dashboards.broken import sound

Json = dict[str, Any]
_RATE = 'rate(calgate_http_requests_total{job=~"$job", instance=~"$instance"}[$__rate_interval])'


def _variable(number: int, **changes: Any) -> Callable[[Json], None]:
    return lambda dashboard: dashboard["templating"]["list"][number].update(changes)


def _panel(**changes: Any) -> Callable[[Json], None]:
    return lambda dashboard: dashboard["panels"][1]["panels"][0].update(changes)


def _target(expr: str, kind: str = "prometheus") -> Callable[[Json], None]:
    return lambda dashboard: dashboard["panels"][0]["targets"][0].update(
        expr=expr, datasource={"type": kind, "uid": "${datasource}"}
    )


BREAKAGES: list[tuple[str, Callable[[Json], None]]] = [
    ("template-datasource-rule", _variable(0, name="source")),
    ("template-datasource-rule", _variable(0, label="Source")),
    ("template-job-rule", _variable(1, name="jobs")),
    ("template-job-rule", _variable(1, multi=False)),
    ("template-job-rule", _variable(1, allValue=".*")),
    ("template-job-rule", _variable(1, datasource={"uid": "fixed"})),
    ("template-instance-rule", _variable(2, label="Host")),
    ("template-label-promql-rule", _variable(1, query="label_values(calgate_up{, job)")),
    ("template-label-promql-rule", _variable(1, query="metrics(x)")),
    ("template-on-time-change-reload-rule", _variable(1, refresh=1)),
    ("panel-datasource-rule", _panel(datasource={"type": "prometheus", "uid": "fixed"})),
    ("panel-title-description-rule", _panel(description="")),
    ("panel-title-description-rule", _panel(title="")),
    ("panel-units-rule", _panel(fieldConfig={"defaults": {"unit": "parsecs"}})),
    ("panel-no-targets-rule", _panel(targets=[])),
    ("target-promql-rule", _target(_RATE + ")")),
    ("target-promql-rule", _target("")),
    ("target-logql-rule", _target("count_over_time([$__auto])", "loki")),
    ("target-logql-auto-rule", _target('count_over_time({app="x"}[5m])', "loki")),
    ("target-rate-interval-rule", _target(_RATE.replace("$__rate_interval", "5m"))),
    ("target-job-rule", _target(_RATE.replace("=~", "=", 1))),
    ("target-instance-rule", _target(_RATE.replace(', instance=~"$instance"', ""))),
    ("target-counter-agg-rule", _target(_RATE.replace("rate", "delta"))),
    ("uneditable-dashboard-rule", lambda dashboard: dashboard.update(editable=True)),
]


@pytest.mark.parametrize("name", dashboards())
def test_our_dashboards_have_no_finding(name: str) -> None:
    assert [str(finding) for finding in lint(dashboards()[name])] == []


def test_a_sound_dashboard_has_no_finding() -> None:
    assert lint(sound()) == []


@pytest.mark.parametrize(("rule", "damage"), BREAKAGES)
def test_a_rule_finds_what_it_forbids_and_no_other_does(rule: str, damage: Callable[[Json], None]) -> None:
    dashboard = sound()
    damage(dashboard)
    assert {finding.rule for finding in lint(dashboard)} == {rule}


def test_every_rule_is_seen_to_find_something() -> None:
    assert {rule for rule, _ in BREAKAGES} == set(RULES)
    assert len(RULES) == 17


def test_value_names_stand_in_for_a_unit() -> None:
    dashboard = sound()
    _panel(fieldConfig={"defaults": {"mappings": [{"type": "value", "options": {}}]}})(dashboard)
    assert lint(dashboard) == []
