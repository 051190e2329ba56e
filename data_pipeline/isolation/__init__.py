"""Processes that may hang, crash or grow, and a parent that notices."""
