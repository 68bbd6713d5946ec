"""A worker that counts until it is killed: `python writer.py DIRECTORY SLOT [PROGRAM]`."""

import sys
from pathlib import Path

from exporters.slots import WorkerSlot


def main() -> None:
    slot = WorkerSlot.open(Path(sys.argv[1]), int(sys.argv[2]), "proxy")
    requests = slot.counter("calgate_http_requests_total", route="slots", code_class="2xx")
    duration = slot.histogram("calgate_http_request_duration_seconds", route="slots", outcome="hit")
    in_flight = slot.gauge("calgate_http_requests_in_flight", route="slots")
    slot.beat(1_000.0)
    in_flight.set(7)
    requests.inc()
    print("counting", flush=True)
    while True:
        requests.inc()
        duration.observe(0.25)


main()
