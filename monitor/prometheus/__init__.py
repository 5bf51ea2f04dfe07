"""The last Report for Prometheus: names in `catalog`, samples and text in `collector`."""
