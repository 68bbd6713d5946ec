"""The catalogue as a page: `python -m exporters.docs > docs/metrics.md`; a test compares the two."""

import sys

from exporters.catalogue import CATALOGUE, Metric

_SOURCES = {
    "worker": "counted by each process, added up over all of them, kept over restarts and kills",
    "store": "read from Redis by the monitor on a timer",
    "monitor": "known to the monitor itself",
}

_HEAD = """# Metrics

Generated from `exporters/catalogue.py` (`python -m exporters.docs > docs/metrics.md`); change that, not this.

The monitor serves all of them at `/metrics`, as OpenMetrics or as Prometheus text, whichever the scraper
accepts. Times are Unix seconds, durations seconds, ratios 0 to 1. Every label value comes from a closed list,
so the number of series is known beforehand, and every counter is there at 0 from the first scrape. No user,
booking, key or URL is ever a label: a credential shows under an alias, c1 to c8 in order of appearance, a client
under the one its operator gave it.
"""


def markdown() -> str:
    """Write the whole page."""
    parts = [_HEAD]
    for source, words in _SOURCES.items():
        parts.append(f"## {words[0].upper()}{words[1:]}\n")
        parts.append("| Metric | Kind | Labels | Meaning | Unit |\n|---|---|---|---|---|")
        parts.extend(_row(metric) for metric in CATALOGUE if metric.source == source)
        parts.append("")
    parts.append("## Values of the labels\n")
    parts.append("| Metric | Label | Values |\n|---|---|---|")
    parts.extend(
        f"| `{metric.name}` | {label} | {', '.join(values) or 'as found'} |"
        for metric in CATALOGUE
        for label, values in metric.labels.items()
    )
    parts.append("\n## Buckets\n")
    parts.append("| Histogram | Upper edges |\n|---|---|")
    parts.extend(
        f"| `{metric.name}` | {' '.join(f'{edge:g}' for edge in metric.buckets)} |"
        for metric in CATALOGUE
        if metric.buckets
    )
    return "\n".join(parts) + "\n"


def _row(metric: Metric) -> str:
    labels = ", ".join(metric.labels) or "none"
    return f"| `{metric.name}` | {metric.kind} | {labels} | {metric.help} | {metric.unit} |"


if __name__ == "__main__":
    sys.stdout.write(markdown())
