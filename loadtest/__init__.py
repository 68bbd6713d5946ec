"""Traffic, scenarios and benches."""
