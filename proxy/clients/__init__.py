"""Clients of a gateway that holds the key: who they are, what they may spend, what they did."""
