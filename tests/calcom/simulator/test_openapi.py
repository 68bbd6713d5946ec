"""The simulator answers as Cal.com's own API description says, for whatever its generator comes up with."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from tests.calcom.simulator.described import DEVIATIONS, SCHEMA, version_for
from tests.calcom.simulator.served import Served, served

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
    max_examples=6,
    deadline=None,
    derandomize=True,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)
def test_answers_conform_to_the_description(case: schemathesis.Case[Any], simulator: Served) -> None:
    method, template = case.method.upper(), case.operation.path
    version = version_for(method, template)
    assert version is not None
    if next(COUNTER) % 2:
        case.path_parameters = {
            name: REAL.get(name, value) for name, value in (case.path_parameters or {}).items()
        }
    response = case.call(base_url=simulator.url, headers={"cal-api-version": version, **simulator.key()})
    checks: list[Any] = [not_a_server_error, content_type_conformance]
    # The generator leaves out required headers too, and that speaks of another version's shape.
    as_described = response.request.headers.get("cal-api-version") == version
    if as_described and (method, template) not in DEVIATIONS and response.status_code < 300:
        checks.append(response_schema_conformance)
    case.validate_response(response, checks=checks)


def test_at_least_a_hundred_operations_of_the_description_are_served() -> None:
    assert len(list(SCHEMA.get_all_operations())) >= 100
