"""Grafana's dashboards, made from the catalog of metrics and the names of rules and alerts."""
