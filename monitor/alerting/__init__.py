"""What rings: pure functions from verdicts to alerts."""
