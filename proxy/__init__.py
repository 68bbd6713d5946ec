"""The data plane: HTTP edge, cache, limiter, breaker, coalescing, jobs."""
