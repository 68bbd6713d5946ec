"""Who is calling: credentials, the limiter bucket they fall into, and the guards' answers (contract 1 and 2)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from typing import Final, Literal

from calcom.simulator.model import Credential

CredentialKind = Literal["api_key", "access_token", "client", "anonymous"]

INVALID_KEY: Final = "CustomThrottlerGuard - Invalid API Key"
NO_CREDENTIAL: Final = (
    "ApiAuthStrategy - No authentication method provided. Either pass an API key as 'Bearer' header or OAuth "
    "client credentials as 'x-cal-secret-key' and 'x-cal-client-id' headers"
)
INVALID_TOKEN: Final = "ApiAuthStrategy - Invalid access token."  # noqa: S105 - a message
INVALID_CLIENT: Final = "ApiAuthStrategy - Invalid client credentials"

_MEMO_SIZE: Final = 4096


@dataclass(frozen=True, slots=True)
class Caller:
    """One caller. `bucket` is safe to log: credentials are in it as the first 12 digits of their hash."""

    kind: CredentialKind
    bucket: str
    user_id: int | None = None
    #: Set when the throttler itself turns the caller away, on public endpoints too.
    throttler_refusal: str | None = None
    #: Why an endpoint that looks at the credential says 401; None for a good credential.
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class Client:
    """A platform OAuth client; it acts as its owner."""

    secret: str
    user_id: int


class Keyring:
    """All credentials this Cal.com knows.

    A known key followed by a dot and anything is a further key of the same user, so that a test can have as many
    buckets as it wants."""

    def __init__(self, credentials: Iterable[Credential]) -> None:
        self._users = {c.key: c.user_id for c in credentials}
        self._clients: dict[str, Client] = {}
        self._memo: dict[tuple[bytes, bytes | None, bytes | None], Caller] = {}

    def __repr__(self) -> str:
        return f"Keyring(credentials={len(self._users)}, clients={len(self._clients)})"

    def add(self, credential: Credential) -> None:
        """Make one more credential valid."""
        self._users[credential.key] = credential.user_id
        self._memo.clear()

    def add_client(self, client_id: str, client: Client) -> None:
        """Make a platform OAuth client known."""
        self._clients[client_id] = client
        self._memo.clear()

    def revoke(self, key: str) -> None:
        """Make a credential invalid; unknown ones are ignored."""
        self._users.pop(key, None)
        self._memo.clear()

    def user_of(self, key: str) -> int | None:
        """The user a key or token stands for, None when it is not valid."""
        user_id = self._users.get(key)
        return self._users.get(key.partition(".")[0]) if user_id is None else user_id

    def identify(self, headers: Mapping[bytes, bytes], peer: str) -> Caller:
        """The caller of a request with these headers (names lower-case) from this address."""
        authorization = headers.get(b"authorization")
        client_id = headers.get(b"x-cal-client-id")
        if authorization is None and client_id is None:
            address = headers.get(b"cf-connecting-ip")
            text = peer if address is None else address.decode("latin-1")
            return Caller("anonymous", f"ip:{text}", refusal=NO_CREDENTIAL)
        memo_key = (authorization or b"", client_id, headers.get(b"x-cal-secret-key"))
        caller = self._memo.get(memo_key)
        if caller is None:
            if len(self._memo) >= _MEMO_SIZE:
                self._memo.clear()
            caller = self._memo[memo_key] = self._identify(authorization, client_id, memo_key[2])
        return caller

    def _identify(self, authorization: bytes | None, client_id: bytes | None, secret: bytes | None) -> Caller:
        """Bucket by Authorization first; identity by client credentials first (contract 1, 2)."""
        client = None if client_id is None else self._clients.get(client_id.decode("latin-1"))
        owner: int | None = None
        if client is not None and secret is not None and compare_digest(client.secret.encode(), secret):
            owner = client.user_id
        if authorization is None:
            bucket = f"client:{_short_hash(client_id or b'')}"
            return Caller("client", bucket, owner, refusal=INVALID_CLIENT if owner is None else None)
        scheme, _, rest = authorization.partition(b" ")
        token = rest.strip().decode("latin-1") if scheme.lower() == b"bearer" else ""
        if not token:
            # The CLI and MCP tools send the key bare; Cal.com reads only the Bearer form.
            bucket = f"token:{_short_hash(authorization)}"
            return Caller("access_token", bucket, owner, refusal=NO_CREDENTIAL if owner is None else None)
        user_id = self.user_of(token)
        if token.startswith("cal_"):
            bucket = f"key:{_short_hash(token.encode())}"
            if user_id is None:
                return Caller("api_key", bucket, throttler_refusal=INVALID_KEY, refusal=INVALID_KEY)
            return Caller("api_key", bucket, user_id if owner is None else owner)
        identity = user_id if owner is None else owner
        return Caller(
            "access_token",
            f"token:{_short_hash(token.encode())}",
            identity,
            refusal=INVALID_TOKEN if identity is None else None,
        )


def _short_hash(credential: bytes) -> str:
    return sha256(credential).hexdigest()[:12]
