"""httpx2, with a connection that is kept and every coding it knows accepted."""

import base64
import os
from collections.abc import Iterator
from typing import Any

import httpx2


def step(client: httpx2.Client, name: str, path: str, version: str, **more: Any) -> None:
    method = "POST" if "content" in more else "GET"
    headers = {"cal-api-version": version}
    if "content" in more:
        headers["content-type"] = "application/json"
    answer = client.request(method, path, headers=headers, **more)
    body = base64.b64encode(answer.content).decode()
    print(name, answer.status_code, answer.headers.get("cache-status", ""), body, sep="\t")


def pieces(text: str) -> Iterator[bytes]:
    yield text[:10].encode()
    yield text[10:].encode()


slots = "/v2/slots?" + os.environ["QUERY"]
authorization = {"authorization": f"Bearer {os.environ['KEY']}"}
with httpx2.Client(base_url=os.environ["BASE"], headers=authorization, trust_env=False) as client:
    step(client, "look", slots, "2024-09-04")
    step(client, "again", slots, "2024-09-04")
    step(client, "book", "/v2/bookings", "2024-08-13", content=os.environ["BOOKING"])
    step(client, "after", slots, "2024-09-04")
    step(client, "missing", "/v2/bookings/nothing", "2024-08-13")
    step(client, "chunked", "/v2/bookings", "2024-08-13", content=pieces(os.environ["OTHER_BOOKING"]))
    step(client, "gzip", "/v2/event-types", "2024-06-14")
