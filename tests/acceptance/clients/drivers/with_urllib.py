"""Python's own urllib: a connection for each request, header names in capitals, `Connection: close`."""

import base64
import os
from collections.abc import Iterable
from urllib.error import HTTPError
from urllib.request import Request, urlopen

BASE, KEY = os.environ["BASE"], os.environ["KEY"]


def step(name: str, path: str, version: str, data: bytes | Iterable[bytes] | None = None) -> None:
    headers = {"Authorization": f"Bearer {KEY}", "cal-api-version": version, "Accept-Encoding": "gzip"}
    if data is not None:
        headers["Content-Type"] = "application/json"
    try:
        answer = urlopen(Request(BASE + path, data, headers))  # noqa: S310 - an address of the test's own
    except HTTPError as error:
        answer = error
    with answer:
        body = base64.b64encode(answer.read()).decode()
        print(name, answer.status, answer.headers.get("cache-status", ""), body, sep="\t")


slots = "/v2/slots?" + os.environ["QUERY"]
step("look", slots, "2024-09-04")
step("again", slots, "2024-09-04")
step("book", "/v2/bookings", "2024-08-13", os.environ["BOOKING"].encode())
step("after", slots, "2024-09-04")
step("missing", "/v2/bookings/nothing", "2024-08-13")
step("chunked", "/v2/bookings", "2024-08-13", iter([os.environ["OTHER_BOOKING"].encode()]))
step("gzip", "/v2/event-types", "2024-06-14")
