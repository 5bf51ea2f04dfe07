"""Reports for Prometheus: names in `catalog`, the last one scraped in `collector`, a replay's in `openmetrics`."""
