"""One write however often it is sent (draft-ietf-httpapi-idempotency-key-header)."""
