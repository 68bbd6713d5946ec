"""Does an expression use the metrics of the catalogue, and as what they are?"""

from alerts.promql import Selector, selectors
from exporters.catalogue import BY_NAME, OPEN, Metric

_SERVER_LABELS = frozenset({"job", "instance", "cluster"})
_FOREIGN = frozenset({"up"})
"""Metrics Prometheus itself adds."""
_ON_COUNTERS = frozenset({"rate", "irate", "increase", "resets"})
_SUFFIXES = ("_bucket", "_count", "_sum")


def misuses(expression: str) -> list[str]:
    """What is wrong with the expression's use of our metrics; empty when nothing is.

    Checked: the metric exists; each label exists and each compared value is one it can have; counters and
    histograms are read through rate or increase, gauges never are; `histogram_quantile` reads buckets.
    """
    return [complaint for selector in selectors(expression) for complaint in _misuse(selector)]


def metric_of(name: str) -> Metric | None:
    """The catalogue's metric behind a series name: a histogram's for its `_bucket`, `_count` and `_sum`."""
    if name in BY_NAME:
        return BY_NAME[name]
    for suffix in _SUFFIXES:
        family = BY_NAME.get(name.removesuffix(suffix))
        if name.endswith(suffix) and family is not None and family.kind == "histogram":
            return family
    return None


def _misuse(selector: Selector) -> list[str]:
    if selector.name in _FOREIGN:
        return []
    metric = metric_of(selector.name)
    if metric is None:
        return [f"{selector.name or 'a selector without a name'} is not in the catalogue"]
    found: list[str] = []
    cumulative = metric.kind != "gauge"
    if metric.kind == "histogram" and selector.name == metric.name:
        found.append(f"{selector.name} is a histogram: read its _bucket, _count or _sum")
    if cumulative and selector.function not in _ON_COUNTERS:
        found.append(f"{selector.name} only grows: read it through rate or increase")
    if not cumulative and selector.function in _ON_COUNTERS:
        found.append(f"{selector.name} is a gauge: {selector.function} means nothing on it")
    if "histogram_quantile" in selector.inside and not selector.name.endswith("_bucket"):
        found.append(f"{selector.name} has no buckets for histogram_quantile")
    for matcher in selector.matchers:
        found.extend(_misread_label(selector, metric, matcher.label, matcher.op, matcher.value))
    return found


def _misread_label(selector: Selector, metric: Metric, label: str, op: str, value: str) -> list[str]:
    if label in _SERVER_LABELS:
        return []
    if label == "le" and selector.name.endswith("_bucket"):
        edges = {str(edge) for edge in metric.buckets} | {"+Inf"}
        return [] if value in edges else [f"{selector.name} has no bucket edge {value!r}"]
    allowed = metric.labels.get(label)
    if allowed is None:
        return [f"{selector.name} has no label {label!r}"]
    if allowed == OPEN or value.startswith("$"):
        return []
    wanted = value.split("|") if op in ("=~", "!~") else [value]
    return [f"{selector.name} never has {label}={word!r}" for word in wanted if word not in allowed]
