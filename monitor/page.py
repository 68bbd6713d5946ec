"""The status page as HTML: rendered here, complete without a script, nothing fetched from elsewhere."""

import base64
import hashlib
import re
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from alerts.objectives import OBJECTIVES
from core.log import timestamp
from monitor import words
from monitor.history import EVERY_SECONDS, SPAN_SECONDS
from monitor.sparkline import bars, sparkline
from monitor.status import Status

REFRESH_SECONDS = 5

_BACKTICKS = re.compile(r"`([^`]+)`")
_SLOTS = round(SPAN_SECONDS / EVERY_SECONDS)
_LEVEL_WORDS = {"ok": "all right", "look": "look", "act": "act now", "starting": "starting"}


def _asset(name: str) -> str:
    return files("monitor").joinpath("templates", name).read_text(encoding="utf-8").strip()


_STYLE = _asset("status.css")
_SCRIPT = _asset("status.js")


def _digest(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        f"style-src {_digest(_STYLE)}",
        f"script-src {_digest(_SCRIPT)}",
        "connect-src 'self'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""Only the page's own style and script, by their digests; whatever a label may hold, it cannot run."""


def _code(text: str) -> Markup:
    """Escape the text and set what stands between backticks as code."""
    return Markup(_BACKTICKS.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704  # escaped just there


_environment = Environment(
    loader=PackageLoader("monitor", "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters.update(
    code=_code, duration=words.duration, number=words.number, percent=words.percent, rate=words.rate
)
_template = _environment.get_template("status.html")


def render(status: Status) -> str:
    """Render the page."""
    traffic = status.traffic
    return _template.render(
        s=status,
        headline=status.verdict.sentence.partition(". ")[0].removesuffix("."),
        level_word=_LEVEL_WORDS[status.verdict.level],
        stamp=timestamp(status.at),
        clock=timestamp(status.at)[11:19],
        refresh_ms=REFRESH_SECONDS * 1000,
        use_limit=OBJECTIVES["rate_limit_use"].threshold,
        headroom=OBJECTIVES["rate_limit_headroom"].threshold,
        latency=OBJECTIVES["latency_normal"].threshold,
        requests_line=sparkline(traffic.requests_series, slots=_SLOTS) if traffic else None,
        hits_line=sparkline(traffic.hit_ratio_series, slots=_SLOTS, top=1.0) if traffic else None,
        calls_line=sparkline(traffic.calls_series, slots=_SLOTS) if traffic else None,
        time_bars=bars(traffic.durations) if traffic else None,
        style=_STYLE,
        script=_SCRIPT,
    )
