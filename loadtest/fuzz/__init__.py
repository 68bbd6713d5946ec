"""Bytes no client should send, against a running gateway, and who judges what comes of them."""
