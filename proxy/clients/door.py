"""The front door of a gateway that holds the key: who shows a token comes in, and the key takes the token's place."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Iterable
from typing import Final

from core.clients import Client, digest_of
from proxy.edge.headers import RawHeaders
from proxy.edge.request import Request
from proxy.refusals import Unauthorized

# All that says who is asking (contract 1); an OAuth client's pair would even win over our key.
_IDENTITY: Final = frozenset({b"authorization", b"x-cal-client-id", b"x-cal-secret-key"})

_BEARER: Final = re.compile(rb"bearer[ \t]+([!-~]+)[ \t]*", re.IGNORECASE)

# Balancers look without a token; webhooks are signed.
_OPEN: Final = frozenset({"/-/healthz", "/-/readyz", "/-/webhooks/calcom"})


class Door:
    """Knows the clients by the hashes of their tokens. One instance per process."""

    def __init__(self, clients: Iterable[Client], key: str, turned_away: Callable[[str], None]) -> None:
        """*key* is the gateway's own for Cal.com; *turned_away* is told `missing` or `unknown`."""
        self._known = [(digest, client.alias) for client in clients for digest in client.digests]
        self._authorization = b"Bearer " + key.encode()
        self._turned_away = turned_away

    def __repr__(self) -> str:
        return f"Door({len({alias for _, alias in self._known})} clients)"

    def admit(self, request: Request) -> None:
        """Note who asks, and let the request go on in the gateway's name. Raises Unauthorized.

        From here on nothing of the client's token is left in the request's headers.
        """
        if request.path in _OPEN:
            return
        # Also where the client says that it is for this connection only: it is.
        request.client = self._who(request.received)
        request.facts["alias"] = request.client
        request.headers = self._in_our_name(request.headers)

    def _who(self, headers: RawHeaders) -> str:
        shown = next((value for name, value in headers if name == b"authorization"), None)
        if shown is None:
            self._turned_away("missing")
            raise Unauthorized("Calgate - a token of this gateway is needed: Authorization: Bearer <token>.")
        token = _BEARER.fullmatch(shown)
        digest = digest_of(token[1]) if token else b""
        alias = ""
        # All of them, found or not: how long it takes tells nothing.
        for known, owner in self._known:
            if hmac.compare_digest(known, digest):
                alias = owner
        if not alias:
            self._turned_away("unknown")
            raise Unauthorized("Calgate - this is no token of this gateway.", is_invalid=True)
        return alias

    def _in_our_name(self, headers: RawHeaders) -> RawHeaders:
        kept = [(name, value) for name, value in headers if name not in _IDENTITY]
        return [*kept, (b"authorization", self._authorization)]
