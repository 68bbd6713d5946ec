"""core/log.py"""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from core.log import configure, redact, redact_text, timestamp


@pytest.fixture(autouse=True)
def _root_logger_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, raising = root.handlers[:], root.level, logging.raiseExceptions
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.raiseExceptions = raising


def written(fmt: str, level: str = "info") -> tuple[io.StringIO, logging.Logger]:
    stream = io.StringIO()
    assert fmt in ("json", "console")
    configure(level, "json" if fmt == "json" else "console", program="proxy", stream=stream)
    return stream, logging.getLogger("tests.log")


def test_a_json_line_has_its_time_level_program_event_and_facts() -> None:
    stream, log = written("json")
    log.warning("redis.lost", extra={"attempt": 2, "took_seconds": 0.5, "path": None})
    line = json.loads(stream.getvalue())
    assert line.pop("ts").endswith("Z")
    assert line == {
        "level": "warning",
        "program": "proxy",
        "event": "redis.lost",
        "attempt": 2,
        "took_seconds": 0.5,
        "path": None,
    }


def test_times_are_utc_with_milliseconds() -> None:
    assert timestamp(1_800_000_000.25) == "2027-01-15T08:00:00.250Z"


def test_what_is_less_serious_than_the_level_is_not_written() -> None:
    stream, log = written("json", level="warning")
    log.info("request.done")
    assert stream.getvalue() == ""


def test_configuring_again_replaces_and_does_not_double() -> None:
    written("json")
    stream, log = written("json")
    log.info("once")
    assert stream.getvalue().count("\n") == 1


def test_an_event_from_outside_cannot_forge_a_line() -> None:
    for fmt in ("json", "console"):
        stream, log = written(fmt)
        log.info("request.done", extra={"path": '/v2/x\n{"event":"forged"}\x1b[2J'})
        assert stream.getvalue().count("\n") == 1
        assert "\x1b" not in stream.getvalue()


def test_no_value_from_outside_makes_a_line_disappear() -> None:
    for fmt in ("json", "console"):
        stream, log = written(fmt)
        log.info(
            "request.done", extra={"path": "/v2/\udcff", "number": 2**70, "odd": object, "bytes": b"\xff"}
        )
        assert "request.done" in stream.getvalue()
        assert stream.getvalue().count("\n") == 1
        stream.getvalue().encode()


def test_an_exception_is_one_json_line_without_its_secrets() -> None:
    stream, log = written("json")
    try:
        raise ConnectionError("cannot reach redis://:hunter2@cache:6379")
    except ConnectionError:
        log.exception("redis.lost")
    assert "hunter2" not in stream.getvalue()
    line = json.loads(stream.getvalue())
    assert line["error"] == "ConnectionError: cannot reach redis://[redacted]@cache:6379"
    assert "Traceback" in line["traceback"]


def test_the_console_writes_words_and_quotes_what_is_not_one() -> None:
    stream, log = written("console")
    log.info("request.done", extra={"status": 200, "path": "/v2/slots", "agent": "curl 8"})
    assert stream.getvalue()[8:] == ' info    proxy request.done status=200 path=/v2/slots agent="curl 8"\n'


def test_a_reader_that_went_away_raises_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    stream, log = written("json")
    stream.close()
    log.info("request.done")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "key",
    ["authorization", "Authorization", "proxy-authorization", "x-cal-secret-key", "api_key", "password", "cookie",
     "Set-Cookie", "webhook_secret", "access_token", "client_tokens"],
)  # fmt: skip
def test_what_goes_under_a_secrets_name_is_never_written(key: str) -> None:
    stream, log = written("json")
    log.info("request.done", extra={"headers": {key: "hunter2"}, key: "hunter2"})
    assert "hunter2" not in stream.getvalue()
    assert json.loads(stream.getvalue())["headers"] == {key: "[redacted]"}


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Authorization: Bearer cal_live_0123456789", "Authorization: Bearer [redacted]"),
        ("key cal_live_0123456789abcdef used", "key cal_[redacted] used"),
        ("cal_0123456789abcdef", "cal_[redacted]"),
        ("GET /x?apiKey=hunter2&y=1", "GET /x?apiKey=[redacted]&y=1"),
        ("postgresql://me:hunter2@db/cal", "postgresql://[redacted]@db/cal"),
        ("/v2/slots?eventTypeId=1", "/v2/slots?eventTypeId=1"),
        ("calendar_connected", "calendar_connected"),
    ],
)
def test_secrets_inside_text_are_replaced_and_nothing_else(text: str, clean: str) -> None:
    assert redact_text(text) == clean


def test_redaction_reaches_into_lists_and_odd_types() -> None:
    assert redact([{"token": "t"}, ("cal_0123456789abcdef",), ValueError("Bearer x y")]) == [
        {"token": "[redacted]"},
        ["cal_[redacted]"],
        "Bearer [redacted] y",
    ]
    assert redact(None, "token") is None
