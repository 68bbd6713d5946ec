"""Grafana dashboards, generated from the catalogue and the objectives."""
