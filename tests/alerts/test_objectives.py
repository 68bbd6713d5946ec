import math

import pytest

from alerts.objectives import OBJECTIVES, Objective
from exporters.catalogue import BY_NAME


@pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES)
def test_an_objective_says_what_it_is_and_where_it_comes_from(objective: Objective) -> None:
    assert objective.statement.endswith(".")
    assert objective.source.split()[0].strip(":") in {"report", "design", "operations"}
    assert objective.min_count >= objective.alert_min_count or objective.alert_min_count == 1
    if objective.unit == "ratio":
        assert 0 < objective.threshold < 1


@pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES)
def test_nothing_measured_keeps_no_objective(objective: Objective) -> None:
    assert not objective.holds(math.nan)


@pytest.mark.parametrize(
    ("name", "kept", "broken"),
    [
        ("latency_normal", 3.99, 4.0),
        ("hit_ratio", 0.551, 0.55),
        ("hit_ratio_warm", 0.60, 0.59),
        ("rate_limit_headroom", 0.90, 0.91),
        ("rate_limited", 0.0, 1.0),
    ],
)
def test_the_comparison_decides_on_the_edge(name: str, kept: float, broken: float) -> None:
    assert OBJECTIVES[name].holds(kept)
    assert not OBJECTIVES[name].holds(broken)


@pytest.mark.parametrize("name", ["latency_normal", "latency_burst"])
def test_each_latency_limit_is_a_bucket_edge_so_that_shares_are_exact(name: str) -> None:
    assert OBJECTIVES[name].threshold in BY_NAME["calgate_http_request_duration_seconds"].buckets
