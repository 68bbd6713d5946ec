"""The simulator answers as Cal.com's own API description says, for whatever its generator comes up with."""

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from calcom.simulator import routes, versions
from calcom.simulator.routing import Router
from tests.calcom.simulator.served import Served, served

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


def _version_for(method: str, template: str) -> str | None:
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


def _served_part() -> dict[str, Any]:
    paths = {
        template: {
            method: operation
            for method, operation in operations.items()
            if method == "parameters" or _version_for(method.upper(), template)
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


SCHEMA = schemathesis.openapi.from_dict(_served_part())

COUNTER = count()

#: Things that exist, for every other path that speaks of one.
REAL = {
    "eventTypeId": "101",
    "teamId": "11",
    "calendar": "google",
    "userId": "2",
}


@pytest.fixture(scope="module")
def simulator() -> Iterator[Served]:
    with served(rate_limit=10_000_000) as running:
        yield running


@SCHEMA.parametrize()
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)
def test_answers_conform_to_the_description(case: schemathesis.Case[Any], simulator: Served) -> None:
    method, template = case.method.upper(), case.operation.path
    version = _version_for(method, template)
    assert version is not None
    case.headers.update({"cal-api-version": version, **simulator.key()})
    if next(COUNTER) % 2:
        case.path_parameters = {
            name: REAL.get(name, value) for name, value in (case.path_parameters or {}).items()
        }
    response = case.call(base_url=simulator.url)
    checks: list[Any] = [not_a_server_error, content_type_conformance]
    if (method, template) not in DEVIATIONS and response.status_code < 300:
        checks.append(response_schema_conformance)
    case.validate_response(response, checks=checks)


def test_three_score_operations_of_the_description_are_served() -> None:
    assert len(list(SCHEMA.get_all_operations())) >= 60
