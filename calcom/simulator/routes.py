"""All endpoints of the simulated API, in one table."""

from typing import Final

from calcom.simulator import (
    routes_bookings,
    routes_bookings_old,
    routes_calendars,
    routes_event_types,
    routes_organizations,
    routes_people,
    routes_schedules,
    routes_slots,
    routes_webhooks_api,
)
from calcom.simulator.routing import Endpoint

ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    *routes_slots.ENDPOINTS,
    *routes_bookings.ENDPOINTS,
    *routes_bookings_old.ENDPOINTS,
    *routes_event_types.ENDPOINTS,
    *routes_schedules.ENDPOINTS,
    *routes_people.ENDPOINTS,
    *routes_calendars.ENDPOINTS,
    *routes_webhooks_api.ENDPOINTS,
    *routes_organizations.ENDPOINTS,
)
