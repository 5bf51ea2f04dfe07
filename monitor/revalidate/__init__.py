"""Re-validation: decide whether to, have it done, and let the result become the baseline if it deserves to."""
