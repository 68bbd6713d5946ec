"""Webhooks: who is told what, signed how, and what goes wrong on the way (contract 7)."""

import json
import queue
import threading
from collections.abc import Iterator
from hashlib import sha256
from hmac import new as hmac
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from typing import Any

import pytest

from calcom.simulator.webhook_payloads import render, sign
from calcom.simulator.webhooks import Ratios, plan
from tests.calcom.simulator.described import conforms
from tests.calcom.simulator.served import BOOKINGS, Served, served

Delivery = tuple[dict[str, str], bytes]
SECRET = "s3cret"


@pytest.fixture(scope="module")
def simulator() -> Iterator[Served]:
    with served(rate_limit=100_000) as running:
        yield running


@pytest.fixture(autouse=True)
def _afresh(simulator: Served) -> None:
    simulator.admin("/reset")
    simulator.admin("/webhooks", {})


@pytest.fixture
def inbox() -> Iterator[tuple[str, "queue.Queue[Delivery]"]]:
    received: queue.Queue[Delivery] = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.put(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook", received
    server.shutdown()
    thread.join()
    server.server_close()


def subscribe(simulator: Served, url: str, *triggers: str, path: str = "/v2/webhooks", **more: Any) -> Any:
    body = {"subscriberUrl": url, "triggers": list(triggers), "active": True, "secret": SECRET, **more}
    response = simulator.api.post(path, headers=simulator.key(), json=body)
    assert response.status_code == 201, response.text
    return response.json()["data"]


def book(simulator: Served, event_type_id: int = 101) -> Any:
    days = simulator.slots(event_type_id, "2026-01-06", "2026-01-16")
    body = {
        "start": next(iter(days.values()))[0]["start"],
        "eventTypeId": event_type_id,
        "attendee": {"name": "G", "email": "g@example.org", "timeZone": "UTC"},
    }
    response = simulator.api.post("/v2/bookings", headers=BOOKINGS | simulator.key(), json=body)
    assert response.status_code == 201, response.text
    return response.json()["data"]


def test_a_booking_is_told_and_signed_over_the_raw_body(simulator: Served, inbox: Any) -> None:
    url, received = inbox
    subscribe(simulator, url, "BOOKING_CREATED")
    made = book(simulator)
    headers, body = received.get(timeout=10)
    assert headers["x-cal-signature-256"] == hmac(SECRET.encode(), body, sha256).hexdigest()
    assert headers["x-cal-webhook-version"] == "2021-10-20"
    assert headers["content-type"] == "application/json"
    message = json.loads(body)
    assert message["triggerEvent"] == "BOOKING_CREATED"
    payload = message["payload"]
    assert (payload["uid"], payload["bookingId"], payload["type"]) == (made["uid"], made["id"], "intro")
    assert payload["startTime"] == made["start"].replace(".000Z", "Z")
    assert (payload["status"], payload["length"]) == ("ACCEPTED", 30)
    assert payload["organizer"]["username"] == "ada"


def test_a_reschedule_tells_the_old_times_which_the_reply_lacks(simulator: Served, inbox: Any) -> None:
    url, received = inbox
    subscribe(simulator, url, "BOOKING_RESCHEDULED")
    old = book(simulator)
    days = simulator.slots(101, "2026-01-07", "2026-01-16")
    response = simulator.api.post(
        f"/v2/bookings/{old['uid']}/reschedule",
        headers=BOOKINGS | simulator.key(),
        json={"start": list(days.values())[-1][0]["start"]},
    )
    payload = json.loads(received.get(timeout=10)[1])["payload"]
    assert payload["uid"] == response.json()["data"]["uid"]
    assert (payload["rescheduleUid"], payload["rescheduleId"]) == (old["uid"], old["id"])
    assert payload["rescheduleStartTime"] == old["start"].replace(".000Z", "Z")


def test_a_cancellation_tells_its_reason(simulator: Served, inbox: Any) -> None:
    url, received = inbox
    subscribe(simulator, url, "BOOKING_CANCELLED")
    made = book(simulator)
    simulator.api.post(
        f"/v2/bookings/{made['uid']}/cancel",
        headers=BOOKINGS | simulator.key(),
        json={"cancellationReason": "ill"},
    )
    message = json.loads(received.get(timeout=10)[1])
    assert message["payload"]["cancellationReason"] == "ill"


def test_an_absence_is_told(simulator: Served, inbox: Any) -> None:
    url, received = inbox
    subscribe(simulator, url, "OOO_CREATED")
    body = {"start": "2026-01-06T00:00:00Z", "end": "2026-01-07T00:00:00Z", "reason": "sick"}
    simulator.api.post("/v2/me/ooo", headers=simulator.key(), json=body)
    entry = json.loads(received.get(timeout=10)[1])["payload"]["oooEntry"]
    assert (entry["start"], entry["user"]["username"]) == ("2026-01-06T00:00:00.000Z", "ada")


def test_a_template_replaces_the_body_entirely(simulator: Served, inbox: Any) -> None:
    url, received = inbox
    subscribe(simulator, url, "BOOKING_CREATED", payloadTemplate="uid={{uid}}&who={{organizer.username}}")
    made = book(simulator)
    headers, body = received.get(timeout=10)
    assert body.decode() == f"uid={made['uid']}&who=ada"
    assert headers["content-type"] == "application/x-www-form-urlencoded"


def test_only_who_asked_is_told(simulator: Served, inbox: Any) -> None:
    url, received = inbox
    subscribe(simulator, url + "/other-trigger", "BOOKING_CANCELLED")
    subscribe(simulator, url + "/off", "BOOKING_CREATED", active=False)
    subscribe(simulator, url + "/other-type", "BOOKING_CREATED", path="/v2/event-types/102/webhooks")
    subscribe(simulator, url + "/this-type", "BOOKING_CREATED", path="/v2/event-types/101/webhooks")
    book(simulator)
    assert json.loads(received.get(timeout=10)[1])["triggerEvent"] == "BOOKING_CREATED"
    assert [e["url"] for e in _log(simulator, 1)] == [url + "/this-type"]


def _log(simulator: Served, least: int) -> list[Any]:
    while True:
        log: list[Any] = simulator.admin("/webhooks", method="GET")["log"]
        if len(log) >= least:
            return log


def test_an_unreachable_subscriber_is_only_logged(simulator: Served) -> None:
    subscribe(simulator, "http://127.0.0.1:9/hook", "BOOKING_CREATED")
    book(simulator)
    assert _log(simulator, 1)[0]["outcome"] == "ConnectError"


def test_subscriptions_are_managed_as_described(simulator: Served) -> None:
    headers = simulator.key()
    body = {"subscriberUrl": "https://a.example/h", "triggers": ["BOOKING_CREATED"], "active": True}
    made = simulator.api.post("/v2/webhooks", headers=headers, json=body)
    conforms(made, "POST", "/v2/webhooks")
    number = made.json()["data"]["id"]
    assert simulator.api.post("/v2/webhooks", headers=headers, json=body).status_code == 409
    path = f"/v2/webhooks/{number}"
    changed = simulator.api.patch(path, headers=headers, json={"active": False})
    conforms(changed, "PATCH", "/v2/webhooks/{webhookId}")
    assert changed.json()["data"]["active"] is False
    listed = simulator.api.get("/v2/webhooks?take=1", headers=headers)
    conforms(listed, "GET", "/v2/webhooks")
    assert [one["id"] for one in listed.json()["data"]] == [number]
    assert simulator.api.get(path, headers=simulator.key("bela")).status_code == 404
    assert simulator.api.delete(path, headers=headers).status_code == 200
    assert simulator.api.get(path, headers=headers).status_code == 404
    bad = body | {"triggers": ["BOOKING_EATEN"]}
    assert simulator.api.post("/v2/webhooks", headers=headers, json=bad).status_code == 400
    scoped = "/v2/event-types/101/webhooks"
    subscribe(simulator, "https://a.example/1", "BOOKING_PAID", path=scoped)
    subscribe(simulator, "https://a.example/2", "BOOKING_PAID", path=scoped)
    assert simulator.api.delete(scoped, headers=headers).json()["data"] == "2 webhooks deleted"


# What can go wrong


def test_a_signature_without_a_secret_says_so() -> None:
    assert sign(b"x", None) == "no-secret-provided"


def test_a_template_that_is_json_stays_json() -> None:
    body, content_type = render('{"u": "{{uid}}", "n": "{{none}}"}', {"payload": {"uid": "1"}})
    assert (json.loads(body), content_type) == ({"u": "1", "n": ""}, "application/json")


def deliveries(ratios: Ratios) -> list[list[float]]:
    random = Random("1:webhooks")
    return [plan(ratios, random) for _ in range(2000)]


def test_without_ratios_every_message_arrives_once_and_promptly() -> None:
    assert set(map(tuple, deliveries(Ratios()))) == {(0.1,)}


def test_messages_are_lost_and_doubled_by_their_ratios() -> None:
    counts = [len(one) for one in deliveries(Ratios(loss=0.25, duplicates=0.5))]
    assert 0.2 < counts.count(0) / 2000 < 0.3
    assert 0.3 < counts.count(2) / 2000 < 0.45


def test_messages_are_late_by_their_ratio() -> None:
    late = [one for one in deliveries(Ratios(delayed=0.5)) if one[0] >= 10]
    assert 0.45 < len(late) / 2000 < 0.55
    assert max(one[0] for one in late) <= 120


def test_reordered_messages_are_overtaken_by_prompt_ones() -> None:
    assert all(1 <= one[0] <= 5 for one in deliveries(Ratios(reordered=1.0)))


def test_the_same_seed_loses_the_same_messages() -> None:
    ratios = Ratios(loss=0.3, duplicates=0.3, delayed=0.3)
    assert deliveries(ratios) == deliveries(ratios)
