"""Logging set-up: one line per event, JSON or console, with nothing secret in it.

Code logs through the standard library: the message is a stable action name, the facts go in `extra`:
`log.info("redis.started", extra={"engine": "valkey 8.1", "pid": 71})`. The names the standard library
keeps for itself (`name`, `args`, `msg`, `module`, `process` …) cannot be used in `extra`.
"""

import datetime
import json
import logging
import re
import sys
from collections.abc import Mapping
from typing import Any, Literal, TextIO

import orjson

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

REDACTED = "[redacted]"

# Compared with the key in lower case, dashes as underscores; any key ending in one of these is a secret's.
_SECRET_ENDINGS = (
    "authorization", "api_key", "apikey", "secret", "secret_key", "password", "passwd", "token", "cookie",
    "client_tokens", "credential_value", "signature",
)  # fmt: skip

# Secrets inside other text: credentials in URLs, bearer values, Cal.com keys (contract section 1: `cal_…`).
_SECRET_TEXT = (
    (re.compile(r"(?<=://)[^/@\s]*@"), f"{REDACTED}@"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[^\s\"',;]+"), rf"\1 {REDACTED}"),
    (re.compile(r"\bcal_[A-Za-z0-9_]{8,}"), f"cal_{REDACTED}"),
    (re.compile(r"(?i)([?&](?:api_?key|token|secret|password)=)[^&\s\"']+"), rf"\1{REDACTED}"),
)


def configure(
    level: str,
    fmt: Literal["json", "console"],
    *,
    program: str,
    stream: TextIO | None = None,
) -> None:
    """Send every log record of the process, as `fmt`, to `stream` (standard error by default).

    Replaces what was configured before. `level` is one of debug, info, warning, error.
    """
    handler = logging.StreamHandler(sys.stderr if stream is None else stream)
    handler.setFormatter(JsonFormatter(program) if fmt == "json" else ConsoleFormatter(program))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(_LEVELS[level])
    # A reader that went away (`calgate up | head`) must not turn every event into a traceback.
    logging.raiseExceptions = False
    for chatty in ("httpx2", "httpcore2", "hpack", "asyncio", "apscheduler", "uvicorn"):
        logging.getLogger(chatty).setLevel(max(_LEVELS[level], logging.WARNING))


def redact(value: object, key: str = "") -> object:
    """`value` without secrets: by the name it goes under, and by what secrets look like inside text."""
    if value is not None and key and key.lower().replace("-", "_").endswith(_SECRET_ENDINGS):
        return REDACTED
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, Mapping):
        return {str(k): redact(v, str(k)) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [redact(item) for item in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return redact_text(str(value))


def redact_text(text: str) -> str:
    """`text` with URL credentials, bearer values and Cal.com keys replaced."""
    if "://" in text or "cal_" in text or " " in text or "=" in text:  # most values have none of these
        for pattern, replacement in _SECRET_TEXT:
            text = pattern.sub(replacement, text)
    return text


class JsonFormatter(logging.Formatter):
    """One JSON object a line: ts (RFC 3339, UTC, milliseconds), level, program, event, then the extras."""

    def __init__(self, program: str) -> None:
        super().__init__()
        self._program = program

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "ts": timestamp(record.created),
            "level": record.levelname.lower(),
            "program": self._program,
            "event": redact_text(record.getMessage()),
        }
        for key, value in _extras(record, self.formatException).items():
            line.setdefault(key, value)
        return _dumps(line)


class ConsoleFormatter(logging.Formatter):
    """`HH:MM:SS level program event key=value …`, the time in UTC, for people at a terminal."""

    def __init__(self, program: str) -> None:
        super().__init__()
        self._program = program

    def format(self, record: logging.LogRecord) -> str:
        extras = _extras(record, self.formatException)
        traceback = extras.pop("traceback", None)
        parts = [
            timestamp(record.created)[11:19],
            f"{record.levelname.lower():7}",
            self._program,
            _plain(redact_text(record.getMessage())),
            *(f"{key}={_plain(value)}" for key, value in extras.items()),
        ]
        line = " ".join(parts)
        return line if traceback is None else f"{line}\n{traceback}"


def timestamp(unix_seconds: float) -> str:
    """RFC 3339 in UTC with milliseconds: `2026-11-23T16:00:00.250Z`."""
    moment = datetime.datetime.fromtimestamp(unix_seconds, datetime.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _extras(record: logging.LogRecord, format_exception: Any) -> dict[str, object]:
    extras = {key: redact(value, key) for key, value in vars(record).items() if key not in _STANDARD}
    if record.exc_info and record.exc_info[1] is not None:
        error = record.exc_info[1]
        extras["error"] = redact_text(f"{type(error).__name__}: {error}")
        extras["traceback"] = redact_text(format_exception(record.exc_info))
    return extras


def _dumps(value: object) -> str:
    try:
        return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:
        # Integers beyond 64 bits, bytes that are no UTF-8: from outside, and no reason to lose the line.
        return json.dumps(value, default=str)


def _plain(value: object) -> str:
    """One word or a quoted string: what came from outside can neither forge a line nor move the cursor."""
    text = value if isinstance(value, str) else _dumps(value)
    return text if text.isprintable() and " " not in text and text else _dumps(text)
