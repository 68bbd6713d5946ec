"""From facts to families of the exposition format, checked against the catalogue on the way."""

from collections.abc import Iterable, Mapping

from prometheus_client.core import Metric as Family

from exporters.catalogue import BY_NAME, OPEN, Metric


def family(metric: Metric) -> Family:
    """Begin an empty family for a metric of the catalogue."""
    base = metric.name.removesuffix("_total") if metric.kind == "counter" else metric.name
    # OpenMetrics wants the unit to be the name's last word; "bool" and "info" are for readers of the table.
    unit = metric.unit if base.endswith(f"_{metric.unit}") else ""
    return Family(base, metric.help, metric.kind, unit)


def counters(name: str, rows: Iterable[tuple[Mapping[str, str], float]]) -> Family:
    """Make a counter family of labels and totals; raises as `gauges` does."""
    return gauges(name, rows)


def gauges(name: str, rows: Iterable[tuple[Mapping[str, str], float]]) -> Family:
    """Make a family of labels and values.

    Raises ValueError for labels the catalogue does not have: a typing error must fail a test, not make a new
    series.
    """
    metric = BY_NAME[name]
    one = family(metric)
    for labels, value in rows:
        for label, allowed in metric.labels.items():
            if allowed is not OPEN and labels.get(label) not in allowed:
                raise ValueError(f"{name}: {label}={labels.get(label)!r} is none of {', '.join(allowed)}")
        if labels.keys() != metric.labels.keys():
            raise ValueError(f"{name} has the labels {list(metric.labels)}, not {list(labels)}")
        one.add_sample(name, dict(labels), value)
    return one


def gauge(name: str, value: float, **labels: str) -> Family:
    """Make a gauge family of one series."""
    return gauges(name, [(labels, value)])
