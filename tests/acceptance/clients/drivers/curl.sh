#!/bin/sh
# curl. One process asks twice, so that keeping the connection shows.
set -eu
DIR=$(mktemp -d)
trap 'rm -rf "$DIR"' EXIT
AUTH="authorization: Bearer $KEY"
SLOTS="$BASE/v2/slots?$QUERY"

step() {
  name=$1
  shift
  status=$(curl -sS -o "$DIR/body" -D "$DIR/head" -w '%{http_code}' -H "$AUTH" "$@")
  cache=$(tr -d '\r' <"$DIR/head" | sed -n 's/^[Cc]ache-[Ss]tatus: //p')
  printf '%s\t%s\t%s\t%s\n' "$name" "$status" "$cache" "$(base64 <"$DIR/body" | tr -d '\n')"
}

step look -H 'cal-api-version: 2024-09-04' "$SLOTS"
step again -H 'cal-api-version: 2024-09-04' "$SLOTS"
step book -H 'cal-api-version: 2024-08-13' -H 'content-type: application/json' -d "$BOOKING" "$BASE/v2/bookings"
step after -H 'cal-api-version: 2024-09-04' "$SLOTS"
step missing -H 'cal-api-version: 2024-08-13' "$BASE/v2/bookings/nothing"
step chunked -H 'cal-api-version: 2024-08-13' -H 'content-type: application/json' \
  -H 'transfer-encoding: chunked' -d "$OTHER_BOOKING" "$BASE/v2/bookings"
step gzip --compressed -H 'cal-api-version: 2024-06-14' "$BASE/v2/event-types"
opened=$(curl -sS -H "$AUTH" -w '%{num_connects}' -o "$DIR/a" "$BASE/v2/me" -o "$DIR/b" "$BASE/v2/me")
printf 'connections\t%s\t\t\n' "$opened"
