import pytest

from alerts.definitions import define
from alerts.model import Alert
from alerts.vocabulary import misuses


@pytest.mark.parametrize("alert", define(), ids=lambda alert: alert.name)
def test_alerts_use_the_catalogue_as_it_is(alert: Alert) -> None:
    assert misuses(alert.expr) == []


@pytest.mark.parametrize(
    ("expression", "complaint"),
    [
        ("calgate_nothing", "not in the catalogue"),
        ("sum(calgate_http_requests_total)", "only grows"),
        ("rate(calgate_cache_keys[5m])", "is a gauge"),
        ("calgate_http_request_duration_seconds", "is a histogram"),
        ("histogram_quantile(0.9, rate(calgate_http_request_duration_seconds_sum[5m]))", "no buckets"),
        ('rate(calgate_http_request_duration_seconds_bucket{le="4"}[5m])', "no bucket edge"),
        ('calgate_cache_keys{colour="red"}', "no label 'colour'"),
        ('calgate_breaker_state{state="ajar"}', "never has state='ajar'"),
        ('increase(calgate_cache_lookups_total{result=~"hit|luck"}[5m])', "never has result='luck'"),
    ],
)
def test_a_misuse_is_named(expression: str, complaint: str) -> None:
    assert complaint in " ".join(misuses(expression))
