"""Kafka: one small protocol of a client, two libraries behind it, and what topics, partitions and offsets mean."""
