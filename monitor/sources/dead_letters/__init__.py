"""Rejected events: kept in a file or a topic, listed, and sent back after a fix."""
