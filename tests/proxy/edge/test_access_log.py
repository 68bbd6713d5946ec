import io

import orjson
import pytest

from proxy.edge.access_log import AccessLog, template
from tests.proxy.conftest import Start
from tests.proxy.running import SLOTS_URL


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/v2/slots", "/v2/slots"),
        ("/api/v2/slots/available", "/v2/slots/available"),
        ("/v2/bookings/a1b2c3d4/cancel", "/v2/bookings/{}/cancel"),
        ("/v2/bookings/justlowercaseletters", "/v2/bookings/{}"),
        ("/v2/organizations/acme/teams/7/users/jane/ooo/3", "/v2/organizations/{}/teams/{}/users/{}/ooo/{}"),
        ("/v2/jane%40example.com/x", "/v2/{}/{}"),
        ("/v2/cal_live_secret", "/v2/{}"),
        ("/wp-login.php", "/{}"),
        ("/" + "x/" * 50, "/" + "/".join(["{}"] * 12)),
    ],
)
def test_only_words_of_the_api_are_shown(path: str, shown: str) -> None:
    assert template(path) == shown


def write(log: AccessLog, **extra: object) -> None:
    log.write(
        now=0.0, request_id="r", method="GET", path="/v2/slots", route="slots", status=200, outcome="hit",
        seconds=0.0012345, extra=extra,
    )  # fmt: skip


def test_a_line_is_one_json_document() -> None:
    stream = io.BytesIO()
    write(AccessLog(stream), age=1.5)
    assert stream.getvalue().endswith(b"\n")
    line = orjson.loads(stream.getvalue())
    assert line["ms"] == 1.23
    assert line["age"] == 1.5
    assert line["path"] == "/v2/slots"


def test_a_reader_that_went_away_stops_the_log_and_nothing_else() -> None:
    stream = io.BytesIO()
    log = AccessLog(stream)
    stream.close()
    write(log)
    write(log)


async def test_no_secret_no_query_and_no_id_reaches_the_log(
    start: Start, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    gateway = await start()
    await gateway.get(
        SLOTS_URL + "&username=jane-doe", cookie="uid=crumbs", authorization="Bearer cal_live_secret"
    )
    await gateway.post("/v2/bookings/uidof1booking/cancel?token=tttt", body=b'{"email":"jane@example.com"}')
    await gateway.get("/v2/../jane-doe")
    said = b"".join(capfdbinary.readouterr())
    lines = [orjson.loads(line) for line in said.splitlines() if b'"event":"request"' in line]
    assert [line["path"] for line in lines[:2]] == ["/v2/slots", "/v2/bookings/{}/cancel"]
    for secret in (b"cal_live_secret", b"jane", b"crumbs", b"uidof1booking", b"tttt", b"2050"):
        assert secret not in said
