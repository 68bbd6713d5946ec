"""Real servers started and kept running by Calgate itself, so that trying it out takes one command."""

from core.embedded.postgres import EmbeddedPostgres
from core.embedded.redis import EmbeddedRedis

__all__ = ["EmbeddedPostgres", "EmbeddedRedis"]
