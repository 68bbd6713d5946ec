"""The HTTP edge: framing, limits, headers, our own answers, the access log."""
