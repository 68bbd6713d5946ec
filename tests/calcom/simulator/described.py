"""Cal.com's API description as the tests use it: the part the simulator has, and the corrections it needs."""

import json
from pathlib import Path
from typing import Any

import httpx2
import schemathesis

from calcom.simulator import routes, versions
from calcom.simulator.routing import Router

DESCRIPTION = json.loads(
    (Path(__file__).parents[2] / "data" / "calcom-openapi-subset.json").read_text(encoding="utf-8")
)

#: Templates of the description that the simulator has, with the version their handler wants.
ROUTER = Router(routes.ENDPOINTS)
NEWEST_FIRST = ("2024-09-04", "2024-08-13", "2024-06-14", "2024-06-11", versions.DEFAULT)

#: Where the description contradicts what Cal.com is known to answer (the contract decides).
DEVIATIONS = {
    ("GET", "/v2/slots"): "described without its envelope; contract 4.1",
    ("GET", "/v2/teams/{teamId}/memberships"): "described as one membership; it is a list",
}


def version_for(method: str, template: str) -> str | None:
    for version in NEWEST_FIRST:
        if ROUTER.match(method, template, version) is not None:
            return version
    return None


def _relaxed(schema: Any) -> Any:
    """The description where it says more than it knows.

    Its alternatives (`oneOf`) differ only in words it leaves open, so one answer fits several; and its generator
    writes a bare `object` for every type it cannot name, numbers among them."""
    if isinstance(schema, list):
        return [_relaxed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("type") == "object" and not schema.keys() & {"properties", "additionalProperties"}:
        return {name: value for name, value in schema.items() if name in ("nullable", "description")}
    if schema.get("type") == "array" and "enum" in schema:
        # The enumeration is of the elements.
        items = {**schema["items"], "enum": schema["enum"]}
        schema = {**{k: v for k, v in schema.items() if k != "enum"}, "items": items}
    return {"anyOf" if name == "oneOf" else name: _relaxed(value) for name, value in schema.items()}


def served_part() -> dict[str, Any]:
    paths = {
        template: {
            method: operation
            for method, operation in operations.items()
            if method == "parameters" or version_for(method.upper(), template)
        }
        for template, operations in DESCRIPTION["paths"].items()
    }
    kept = {
        template: operations for template, operations in paths.items() if set(operations) - {"parameters"}
    }
    # TIME_FORMAT_HH_MM is the name of a pattern, not one.
    text = json.dumps(_relaxed({**DESCRIPTION, "paths": kept}))
    patched: dict[str, Any] = json.loads(text.replace("TIME_FORMAT_HH_MM", "^([01][0-9]|2[0-3]):[0-5][0-9]$"))
    schemas = patched["components"]["schemas"]
    # Hosts and users are objects (contract 6.2 needs their ids); the description calls them texts.
    schemas["EventTypeOutput_2024_06_14"]["properties"]["users"]["items"] = {}
    schemas["TeamEventTypeOutput_2024_06_14"]["properties"]["hosts"]["items"] = {}
    return patched


SCHEMA = schemathesis.openapi.from_dict(served_part())


def conforms(response: httpx2.Response, method: str, template: str) -> None:
    """Raises when a success is not what the description promises for this operation."""
    SCHEMA[template][method].validate_response(response)
