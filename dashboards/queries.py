"""PromQL for panels: raw series, always with the dashboard's `job` and `instance`."""

from alerts.vocabulary import metric_of

RATE_INTERVAL = "$__rate_interval"
"""Grafana's window that fits the zoom. At a few requests a minute it is noise: ratios take a fixed window."""

_SCOPE = 'job=~"$job", instance=~"$instance"'


def series(name: str, **matchers: str) -> str:
    """The selector of the metric `calgate_<name>`.

    A matcher's value that begins with `=`, `!` is taken with its operator (`!=bypass`, `=~hit|miss`); any
    other is compared for equality. Raises KeyError for a metric the catalogue does not have.
    """
    full = f"calgate_{name}"
    if metric_of(full) is None:
        raise KeyError(f"{full} is not in exporters/catalogue.py")
    words = [_SCOPE, *(_matcher(label, value) for label, value in matchers.items())]
    return f"{full}{{{', '.join(words)}}}"


def increase(name: str, window: str = RATE_INTERVAL, **matchers: str) -> str:
    """How much a counter grew in `window`."""
    return f"increase({series(name, **matchers)}[{window}])"


def per_minute(name: str, by: str, **matchers: str) -> str:
    """A counter's growth per minute, summed by label `by`."""
    return f"60 * sum by ({by}) (rate({series(name, **matchers)}[{RATE_INTERVAL}]))"


def ratio(part: str, whole: str) -> str:
    """Sum over sum; no value where nothing happened, never NaN."""
    return f"sum({part}) / (sum({whole}) > 0)"


def quantile(share: float, histogram: str, window: str, by: str = "", **matchers: str) -> str:
    """An estimated quantile of a histogram over `window`, by label `by` if given.

    Without observations a quantile is NaN, which spoils an axis: the comparison drops it.
    """
    grouping = f"le, {by}" if by else "le"
    buckets = increase(f"{histogram}_bucket", window, **matchers)
    return f"histogram_quantile({share:g}, sum by ({grouping}) ({buckets})) >= 0"


def age(timestamp: str, by: str = "") -> str:
    """Seconds since the oldest timestamp of a gauge that is 0 when there is nothing to be old; then 0."""
    oldest = f"min by ({by})" if by else "min"
    return f"(time() - {oldest} ({timestamp} > 0)) or 0 * {oldest} ({timestamp})"


def _matcher(label: str, value: str) -> str:
    for op in ("=~", "!~", "!="):
        if value.startswith(op):
            return f'{label}{op}"{value.removeprefix(op)}"'
    return f'{label}="{value}"'
