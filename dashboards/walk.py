"""Reading dashboard JSON: panels wherever they are, queries as promtool would see them."""

import re
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

_VARIABLE_VALUES = {"$__rate_interval": "5m", "$__interval": "1m", "$__range": "1h", "$__auto": "5m"}


def panels(dashboard: Json) -> Iterator[Json]:
    """Every panel that draws something, those inside collapsed rows included."""
    for panel in dashboard.get("panels", []):
        if panel.get("type") == "row":
            yield from panel.get("panels", [])
        else:
            yield panel


def rows(dashboard: Json) -> Iterator[Json]:
    """Every row heading."""
    return (panel for panel in dashboard.get("panels", []) if panel.get("type") == "row")


def variables(dashboard: Json) -> list[Json]:
    """The dashboard's variables in order."""
    found: list[Json] = dashboard.get("templating", {}).get("list", [])
    return found


def plain(expression: str) -> str:
    """The expression with Grafana's variables replaced by values of the right kind."""
    for name, value in _VARIABLE_VALUES.items():
        expression = expression.replace(name, value)
    return re.sub(r"\$(\w+|\{\w+\})", "x", expression)
