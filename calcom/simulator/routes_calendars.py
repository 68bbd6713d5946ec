"""External calendars: connections, selection, busy times (contract 6)."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from calcom.simulator import envelope, versions
from calcom.simulator.envelope import iso
from calcom.simulator.model import CalendarConnection, ExternalBusy
from calcom.simulator.refusals import refuse
from calcom.simulator.routing import Call, Endpoint, Reply, Work
from calcom.simulator.validation import (
    Field,
    Shape,
    body_of,
    boolean,
    full_text,
    instant,
    iso_text,
    list_of,
    nested,
    number_text,
    one_of,
    text,
    url,
    whole,
    zone,
)

#: The path's word for a calendar to the integration's name.
INTEGRATIONS: Final = {
    "google": "google_calendar",
    "office365": "office365_calendar",
    "apple": "apple_calendar",
    "ics-feed": "ics-feed_calendar",
}
_SUCCESS: Final = b'{"status":"success"}'


def _mine(call: Call) -> list[CalendarConnection]:
    found = call.sim.world.state.calendars.values()
    return sorted((c for c in found if c.user_id == call.user_id), key=lambda c: c.id)


def _integration(call: Call, *allowed: str) -> str:
    word = call.params["calendar"]
    if word not in allowed:
        raise refuse(400, f"Invalid calendar type, available calendars are: {', '.join(allowed)}")
    return INTEGRATIONS[word]


def _calendar(connection: CalendarConnection) -> dict[str, Any]:
    return {
        "externalId": connection.external_id,
        "integration": connection.integration,
        "name": connection.name,
        "primary": connection.primary,
        "readOnly": False,
        "email": connection.external_id,
        "isSelected": connection.selected,
        "credentialId": connection.id,
    }


def _connected(connection: CalendarConnection) -> dict[str, Any]:
    kind = connection.integration
    return {
        "integration": {
            "name": connection.name,
            "description": "",
            "type": kind,
            "variant": "calendar",
            "categories": ["calendar"],
            "logo": "",
            "publisher": "Cal.com",
            "slug": kind.replace("_", "-"),
            "url": "https://cal.com/",
            "email": "help@cal.com",
            "locationOption": None,
        },
        "credentialId": connection.id,
        "primary": {**_calendar(connection), "primary": True},
        "calendars": [_calendar(connection)],
    }


def list_calendars(call: Call) -> Work:
    """GET /v2/calendars."""

    def work() -> Reply:
        mine = _mine(call)
        first = mine[0] if mine else None
        destination = {
            "id": first.id if first else 0,
            "integration": first.integration if first else "",
            "externalId": first.external_id if first else "",
            "primaryEmail": first.external_id if first else None,
            "userId": call.user_id,
            "eventTypeId": None,
            "credentialId": first.id if first else None,
        }
        data = {"connectedCalendars": [_connected(c) for c in mine], "destinationCalendar": destination}
        return Reply(200, envelope.success(data))

    return work


_LOAD: Final = Shape(
    {"credentialId": Field(number_text, required=True), "externalId": Field(text, required=True)}
)
_BUSY: Final = Shape(
    {
        "loggedInUsersTz": Field(zone),
        "timeZone": Field(zone),
        "dateFrom": Field(iso_text),
        "dateTo": Field(iso_text),
        "credentialId": Field(number_text),
        "externalId": Field(text),
        "calendarsToLoad": Field(list_of(nested(_LOAD))),
    }
)


def _moment(value: str, info: ZoneInfo) -> datetime:
    parsed = datetime.fromisoformat(value)
    return (parsed.replace(tzinfo=info) if parsed.tzinfo is None else parsed).astimezone(UTC)


def busy_times(call: Call) -> Work:
    """GET /v2/calendars/busy-times; one calendar, or `calendarsToLoad[0][…]` as current clients send it."""
    values = _BUSY.read(call.query)
    wanted = [
        *values.get("calendarsToLoad", ()),
        *([values] if "credentialId" in values and "externalId" in values else ()),
    ]
    if not wanted:
        raise refuse(400, "credentialId and externalId, or calendarsToLoad, must be provided")
    name = values.get("timeZone") or values.get("loggedInUsersTz")
    if name is None:
        raise refuse(400, "Either timeZone or loggedInUsersTz must be provided")
    info = ZoneInfo(name)

    def work() -> Reply:
        mine = {c.id: c for c in _mine(call)}
        ids = []
        for one in wanted:
            found = mine.get(one["credentialId"])
            if found is None or found.external_id != one["externalId"]:
                raise refuse(404, "Calendar credentials not found")
            if found.broken:
                raise refuse(400, "Unable to fetch connected calendars events")
            ids.append(found.id)
        today = call.now().astimezone(info).replace(hour=0, minute=0, second=0, microsecond=0)
        start = _moment(values["dateFrom"], info) if "dateFrom" in values else today.astimezone(UTC)
        end = _moment(values["dateTo"], info) if "dateTo" in values else start + timedelta(days=1)
        if start == end:
            end += timedelta(days=1)
        events = call.sim.world.busy_times(ids, start, end)
        rows = [
            {"start": iso(e.start), "end": iso(e.end), "source": mine[e.connection_id].name} for e in events
        ]
        return Reply(200, envelope.success(rows))

    return work


def check(call: Call) -> Work:
    """GET /v2/calendars/{calendar}/check: a live call to the provider, so a broken one fails."""
    integration = _integration(call, "google", "office365", "apple")

    def work() -> Reply:
        mine = [c for c in _mine(call) if c.integration == integration]
        if not mine:
            raise refuse(400, f"Credentials for {integration} not found.")
        if any(c.broken for c in mine):
            raise refuse(400, "Invalid or expired calendar credentials.")
        return Reply(200, _SUCCESS)

    return work


def connect(call: Call) -> Work:
    """GET /v2/calendars/{calendar}/connect: where to send the user."""
    word = call.params["calendar"]
    _integration(call, "google", "office365")
    url_ = f"https://auth.example/{word}?state=simulated"
    return lambda: Reply(200, envelope.success({"authUrl": url_}))


def save(call: Call) -> Work:
    """GET /v2/calendars/{calendar}/save: the OAuth callback, a GET that writes (contract 6.1)."""
    integration = _integration(call, "google", "office365")
    if not isinstance(call.query.get("state"), str) or not isinstance(call.query.get("code"), str):
        raise refuse(400, "state and code must be provided")
    user_id = call.caller.user_id
    if user_id is None:
        # The state of a real callback names the user; ours belongs to whoever is first.
        user_id = min(call.sim.world.state.users)
    return _connecting(call, user_id, integration, f"{user_id}-{integration}", 200)


def _connecting(call: Call, user_id: int, integration: str, external_id: str, status: int) -> Work:
    def work() -> Reply:
        draft = CalendarConnection(
            id=0, user_id=user_id, integration=integration, external_id=external_id, name=external_id
        )
        made = call.sim.world.connect_calendar(draft, call.now())
        return Reply(status, envelope.success(_credential(made)))

    return work


def _credential(connection: CalendarConnection) -> dict[str, Any]:
    return {
        "id": connection.id,
        "type": connection.integration,
        "userId": connection.user_id,
        "teamId": None,
        "appId": connection.integration.replace("_", "-"),
        "invalid": connection.broken,
    }


_APPLE: Final = Shape(
    {"username": Field(full_text, required=True), "password": Field(full_text, required=True)}
)


def save_credentials(call: Call) -> Work:
    """POST /v2/calendars/apple/credentials."""
    integration = _integration(call, "apple")
    username = _APPLE.read(body_of(call.body))["username"]
    return _connecting(call, call.user_id, integration, username, 201)


_FEED: Final = Shape({"urls": Field(list_of(url, least=1), required=True), "readOnly": Field(boolean)})


def save_feed(call: Call) -> Work:
    """POST /v2/calendars/ics-feed/save."""
    urls = _FEED.read(body_of(call.body))["urls"]
    return _connecting(call, call.user_id, INTEGRATIONS["ics-feed"], urls[0], 201)


def check_feed(call: Call) -> Work:
    """GET /v2/calendars/ics-feed/check."""

    def work() -> Reply:
        if not any(c.integration == INTEGRATIONS["ics-feed"] for c in _mine(call)):
            raise refuse(400, "Credentials for ics-feed_calendar not found.")
        return Reply(200, _SUCCESS)

    return work


_DISCONNECT: Final = Shape({"id": Field(whole(), required=True)})


def disconnect(call: Call) -> Work:
    """POST /v2/calendars/{calendar}/disconnect."""
    integration = _integration(call, "google", "office365", "apple")
    connection_id = _DISCONNECT.read(body_of(call.body))["id"]

    def work() -> Reply:
        if not any(c.id == connection_id and c.integration == integration for c in _mine(call)):
            raise refuse(400, f"Credentials for {integration} calendar with id {connection_id} not found")
        gone = call.sim.world.disconnect_calendar(connection_id, call.now())
        return Reply(200, envelope.success(_credential(gone)))

    return work


_SELECT: Final = {
    "integration": Field(full_text, required=True),
    "externalId": Field(full_text, required=True),
    "delegationCredentialId": Field(text),
}
_SELECT_BODY: Final = Shape({**_SELECT, "credentialId": Field(whole(), required=True)})
_SELECT_QUERY: Final = Shape({**_SELECT, "credentialId": Field(number_text, required=True)})


def _selecting(call: Call, values: dict[str, Any], selected: bool) -> Work:
    def work() -> Reply:
        for connection in _mine(call):
            if (connection.id, connection.integration, connection.external_id) == (
                values["credentialId"],
                values["integration"],
                values["externalId"],
            ):
                changed = call.sim.world.select_calendar(connection.id, selected, call.now())
                return Reply(201 if selected else 200, envelope.success(_selection(changed)))
        raise refuse(404, "Calendar not found")

    return work


def _selection(connection: CalendarConnection) -> dict[str, Any]:
    return {
        "userId": connection.user_id,
        "integration": connection.integration,
        "externalId": connection.external_id,
        "credentialId": connection.id,
    }


def select(call: Call) -> Work:
    """POST /v2/selected-calendars: its events block from now on."""
    return _selecting(call, _SELECT_BODY.read(body_of(call.body)), True)


def deselect(call: Call) -> Work:
    """DELETE /v2/selected-calendars."""
    return _selecting(call, _SELECT_QUERY.read(call.query), False)


_DESTINATION: Final = Shape(
    {
        "integration": Field(one_of(*INTEGRATIONS.values()), required=True),
        "externalId": Field(full_text, required=True),
        "delegationCredentialId": Field(text),
    }
)


def set_destination(call: Call) -> Work:
    """PUT /v2/destination-calendars: where events are written. This world keeps no such copy, so nothing moves."""
    values = _DESTINATION.read(body_of(call.body))

    def work() -> Reply:
        for connection in _mine(call):
            if (connection.integration, connection.external_id) == (
                values["integration"],
                values["externalId"],
            ):
                return Reply(200, envelope.success(_selection(connection)))
        raise refuse(400, f"You do not have calendar with id {values['externalId']} connected")

    return work


# Events in a connected calendar


_TIME: Final = Shape({"time": Field(instant, required=True), "timeZone": Field(zone)})
_EVENT: Final = Shape({"start": Field(nested(_TIME)), "end": Field(nested(_TIME)), "title": Field(text)})


def _event(call: Call) -> ExternalBusy:
    _integration(call, "google")
    uid = call.params["eventUid"]
    found = call.sim.world.state.external.get(uid)
    if found is None or found.connection_id not in {c.id for c in _mine(call)}:
        raise refuse(404, f"Calendar event with uid {uid} not found")
    return found


def _show_event(event: ExternalBusy) -> dict[str, Any]:
    return {
        "id": event.uid,
        "title": event.title,
        "description": None,
        "start": {"time": iso(event.start), "timeZone": "UTC"},
        "end": {"time": iso(event.end), "timeZone": "UTC"},
        "status": "accepted",
        "source": "google",
    }


def get_event(call: Call) -> Work:
    """GET /v2/calendars/{calendar}/event/{eventUid}."""
    return lambda: Reply(200, envelope.success(_show_event(_event(call))))


def update_event(call: Call) -> Work:
    """PATCH /v2/calendars/{calendar}/events/{eventUid}: moves busy time."""
    values = _EVENT.read(body_of(call.body))

    def work() -> Reply:
        found = _event(call)
        moved = ExternalBusy(
            found.uid,
            found.connection_id,
            values["start"]["time"] if "start" in values else found.start,
            values["end"]["time"] if "end" in values else found.end,
            values.get("title", found.title),
        )
        if moved.end <= moved.start:
            raise refuse(400, "The event must end after it starts")
        changed = call.sim.world.put_external_event(moved, call.now())
        return Reply(200, envelope.success(_show_event(changed)))

    return work


def _endpoint(method: str, template: str, handler: Callable[[Call], Work], **more: Any) -> Endpoint:
    settings: dict[str, Any] = {"writes": method != "GET", **more}
    return Endpoint(method, template, handler, versions.ANY, "calendars", **settings)


_ALL: Final = "/v2/calendars"
_ONE: Final = _ALL + "/{calendar}"

ENDPOINTS: Final = (
    _endpoint("GET", _ALL, list_calendars),
    _endpoint("GET", _ALL + "/busy-times", busy_times),
    _endpoint("GET", _ALL + "/ics-feed/check", check_feed),
    _endpoint("POST", _ALL + "/ics-feed/save", save_feed),
    _endpoint("GET", _ONE + "/check", check),
    _endpoint("GET", _ONE + "/connect", connect),
    _endpoint("GET", _ONE + "/save", save, guard="none", writes=True),
    _endpoint("POST", _ONE + "/credentials", save_credentials),
    _endpoint("POST", _ONE + "/disconnect", disconnect),
    _endpoint("GET", _ONE + "/event/{eventUid}", get_event),
    _endpoint("PATCH", _ONE + "/events/{eventUid}", update_event),
    _endpoint("POST", "/v2/selected-calendars", select),
    _endpoint("DELETE", "/v2/selected-calendars", deselect),
    _endpoint("PUT", "/v2/destination-calendars", set_destination),
)
