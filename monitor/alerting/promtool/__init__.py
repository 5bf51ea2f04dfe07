"""Tests of the generated rules for `promtool test rules`: what must ring, and what must not, by our own arithmetic."""
