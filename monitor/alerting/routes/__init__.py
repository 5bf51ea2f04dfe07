"""Whom an alert reaches: Alertmanager's configuration, and the texts that people read."""
