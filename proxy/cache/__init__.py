"""The slots cache: generations, fenced fills, hold-off after writes, coalescing."""
