"""Facts with one truth in the shared store, read in one or two round trips each.

Every module has a frozen dataclass of facts, a pure function that makes it of what the store answered, one
that turns it into metric families, and a thin `read` that does the asking.
"""
