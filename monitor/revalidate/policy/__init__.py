"""When a run starts, and what holds it back. Pure."""
