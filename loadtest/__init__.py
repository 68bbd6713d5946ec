"""Load on purpose: a lean client, the report's traffic, and generated queries."""
