"""The report's eight database indexes: kept, watched, and proven by the plans of its three queries."""

from monitor.indexes.definitions import INDEXES, QUERIES, IndexSpec, SentinelQuery
from monitor.indexes.status import IndexStatus, collect

__all__ = ["INDEXES", "QUERIES", "IndexSpec", "IndexStatus", "SentinelQuery", "collect"]
