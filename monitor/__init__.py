"""The daemon that watches: collectors, index keeper, status page."""
