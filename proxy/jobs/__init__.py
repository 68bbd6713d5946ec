"""Durable background work: a Redis stream with one consumer group, and the worker that empties it.

Correctness never waits for a job. Whoever changes something adds the job in the same script as the change, so
that no acknowledged change can exist without its job; jobs only tidy up, and every one bears being done twice.
"""
