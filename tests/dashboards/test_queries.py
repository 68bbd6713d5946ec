import pytest

from alerts.promql import selectors
from alerts.vocabulary import misuses
from dashboards.queries import age, increase, per_minute, quantile, ratio, series


def test_every_series_is_scoped_to_job_and_instance() -> None:
    (found,) = selectors(series("cache_keys", scope="slots"))
    assert [(m.label, m.op, m.value) for m in found.matchers] == [
        ("job", "=~", "$job"),
        ("instance", "=~", "$instance"),
        ("scope", "=", "slots"),
    ]


def test_a_matcher_may_bring_its_operator() -> None:
    assert 'result!="bypass"' in series("cache_lookups_total", result="!=bypass")
    assert 'result=~"hit|miss"' in series("cache_lookups_total", result="=~hit|miss")


def test_a_metric_that_is_not_in_the_catalogue_is_refused() -> None:
    with pytest.raises(KeyError, match="calgate_nothing"):
        series("nothing")


@pytest.mark.parametrize(
    "expression",
    [
        per_minute("http_requests_total", "route"),
        quantile(0.95, "job_duration_seconds", "30m", "queue"),
        ratio(increase("cache_lookups_total", "1h", result="hit"), increase("cache_lookups_total", "1h")),
        age(series("jobs_oldest_pending_timestamp_seconds"), "queue"),
    ],
)
def test_built_queries_use_metrics_as_they_are(expression: str) -> None:
    assert misuses(expression) == []
