"""Webhook subscriptions over the API (contract 7)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from calcom.simulator import envelope, versions
from calcom.simulator.refusals import refuse
from calcom.simulator.routing import Call, Endpoint, Reply, Work
from calcom.simulator.validation import (
    Field,
    Shape,
    body_of,
    boolean,
    list_of,
    one_of,
    path_int,
    query_whole,
    text,
    url,
)
from calcom.simulator.webhook_payloads import TRIGGERS, VERSION
from calcom.simulator.webhooks import Scope, Subscription

_FIELDS: Final = {
    "subscriberUrl": ("url", url),
    "triggers": ("triggers", lambda name, value: tuple(list_of(one_of(*TRIGGERS))(name, value))),
    "active": ("active", boolean),
    "secret": ("secret", text),
    "payloadTemplate": ("template", text),
    "version": ("", one_of(VERSION)),
}
_NEEDED: Final = ("subscriberUrl", "triggers", "active")
_CREATE: Final = Shape({name: Field(check, required=name in _NEEDED) for name, (_, check) in _FIELDS.items()})
_UPDATE: Final = Shape({name: Field(check) for name, (_, check) in _FIELDS.items()})
_PAGE: Final = Shape({"take": Field(query_whole(1, 250)), "skip": Field(query_whole(0, 2**31))})

#: Finds the owner of the webhooks a path speaks of; raises Refused 404 or 403.
Owner = Callable[[Call], int]


def _fields(shape: Shape, call: Call) -> dict[str, Any]:
    values = shape.read(body_of(call.body))
    return {_FIELDS[name][0]: value for name, value in values.items() if _FIELDS[name][0]}


def present(subscription: Subscription) -> dict[str, Any]:
    """One webhook; its owner's id is named by the scope."""
    owner = {
        "user": "userId",
        "event_type": "eventTypeId",
        "team": "teamId",
        "organization": "teamId",
        "client": "oAuthClientId",
    }[subscription.scope]
    shown: dict[str, Any] = {
        "id": subscription.id,
        "triggers": list(subscription.triggers),
        "subscriberUrl": subscription.url,
        "active": subscription.active,
        "payloadTemplate": subscription.template or "",
        "version": VERSION,
        owner: subscription.owner,
    }
    if subscription.secret is not None:
        shown["secret"] = subscription.secret
    return shown


def _user(call: Call) -> int:
    return call.user_id


def _event_type(call: Call) -> int:
    event_type_id = path_int(call.params, "eventTypeId")
    found = call.sim.world.state.event_types.get(event_type_id)
    if found is None:
        raise refuse(404, f"Event type with id {event_type_id} not found")
    if found.team_id is None and found.owner_id != call.user_id:
        raise refuse(403, "User does not own the event type")
    return event_type_id


class _Handlers:
    """The same seven operations for every kind of owner."""

    def __init__(self, scope: Scope, owner: Owner) -> None:
        self._scope = scope
        self._owner = owner

    def _one(self, call: Call) -> Subscription:
        text_id = call.params["webhookId"]
        found = None
        if text_id.isascii() and text_id.isdigit():
            found = call.sim.webhooks.get(int(text_id), self._scope, self._owner(call))
        if found is None:
            raise refuse(404, f"Webhook with id {text_id} not found")
        return found

    def create(self, call: Call) -> Work:
        """POST."""
        fields = _fields(_CREATE, call)

        def work() -> Reply:
            owner = self._owner(call)
            hooks = call.sim.webhooks
            if any(s.url == fields["url"] for s in hooks.of(self._scope, owner)):
                raise refuse(409, "Webhook with this subscriber url already exists for this user")
            made = hooks.add(Subscription(id=0, scope=self._scope, owner=owner, **fields))
            return Reply(201, envelope.success(present(made)))

        return work

    def list_all(self, call: Call) -> Work:
        """GET, in pages."""
        values = _PAGE.read(call.query)
        skip, take = values.get("skip", 0), values.get("take", 250)

        def work() -> Reply:
            found = call.sim.webhooks.of(self._scope, self._owner(call))
            return Reply(200, envelope.success([present(s) for s in found[skip : skip + take]]))

        return work

    def get(self, call: Call) -> Work:
        """GET one."""
        return lambda: Reply(200, envelope.success(present(self._one(call))))

    def update(self, call: Call) -> Work:
        """PATCH one."""
        fields = _fields(_UPDATE, call)

        def work() -> Reply:
            changed = replace(self._one(call), **fields)
            call.sim.webhooks.update(changed)
            return Reply(200, envelope.success(present(changed)))

        return work

    def delete(self, call: Call) -> Work:
        """DELETE one."""

        def work() -> Reply:
            found = self._one(call)
            call.sim.webhooks.remove(found.id)
            return Reply(200, envelope.success(present(found)))

        return work

    def delete_all(self, call: Call) -> Work:
        """DELETE all of one owner."""

        def work() -> Reply:
            hooks = call.sim.webhooks
            found = hooks.of(self._scope, self._owner(call))
            for one in found:
                hooks.remove(one.id)
            return Reply(200, envelope.success(f"{len(found)} webhooks deleted"))

        return work


def _endpoints(base: str, scope: Scope, owner: Owner, *, delete_all: bool = True) -> tuple[Endpoint, ...]:
    handlers = _Handlers(scope, owner)
    one = base + "/{webhookId}"
    rows = [
        ("POST", base, handlers.create),
        ("GET", base, handlers.list_all),
        ("GET", one, handlers.get),
        ("PATCH", one, handlers.update),
        ("DELETE", one, handlers.delete),
    ]
    if delete_all:
        rows.append(("DELETE", base, handlers.delete_all))
    return tuple(
        Endpoint(method, path, handler, versions.ANY, "webhooks", writes=method != "GET")
        for method, path, handler in rows
    )


ENDPOINTS: Final = (
    *_endpoints("/v2/webhooks", "user", _user, delete_all=False),
    *_endpoints("/v2/event-types/{eventTypeId}/webhooks", "event_type", _event_type),
    *_endpoints("/v2/teams/{teamId}/event-types/{eventTypeId}/webhooks", "event_type", _event_type),
)
