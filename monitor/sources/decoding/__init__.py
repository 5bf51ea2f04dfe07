"""From bytes or raw columns to valid events, dead letters and skipped counts: the one codec."""
