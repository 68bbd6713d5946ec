import re
from collections import Counter

import pytest

from alerts.definitions import define
from alerts.model import Alert, Links
from alerts.objectives import OBJECTIVES
from alerts.panels import Panel

ALERTS = define()
each_alert = pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)


def test_names_are_unique() -> None:
    assert max(Counter(alert.name for alert in ALERTS).values()) == 1


@each_alert
def test_an_alert_carries_all_that_a_person_woken_up_needs(alert: Alert) -> None:
    annotations = alert.annotations(Links(grafana="https://grafana.example"))
    assert set(annotations) == {
        "summary",
        "description",
        "action",
        "runbook_url",
        "dashboard_url",
        "__dashboardUid__",
        "__panelId__",
    }
    assert all(annotations.values())
    assert int(annotations["__panelId__"]) in set(Panel)
    assert annotations["dashboard_url"].startswith("https://grafana.example/d/calgate-overview?viewPanel=")


@each_alert
def test_no_label_holds_a_measured_value(alert: Alert) -> None:
    assert not any("{{" in value for value in alert.labels().values())


@each_alert
def test_an_alert_compares_with_something(alert: Alert) -> None:
    assert alert.severity == "none" or re.search(r"(==|[<>])", alert.expr)


@each_alert
def test_thresholds_come_from_known_objectives(alert: Alert) -> None:
    assert set(alert.objectives) <= set(OBJECTIVES)


def test_numbers_are_part_of_the_page() -> None:
    for alert in ALERTS:
        if alert.objectives:
            assert "$value" in alert.description or f"{alert.for_seconds} s" in alert.description, alert.name


def test_pages_are_few() -> None:
    assert {alert.name for alert in ALERTS if alert.severity == "page"} == {
        "CalgateUpstreamRateLimited",
        "CalgateRateBudgetExhausting",
        "CalgateInvalidationStalled",
        "CalgateBreakerOpen",
        "CalgateDown",
    }
