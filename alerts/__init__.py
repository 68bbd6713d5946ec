"""Objectives as data, and the rules, routing and runbooks generated from them."""
