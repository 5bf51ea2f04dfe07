"""Whole logs, as the backtest reads them: CSV, JSON Lines and Parquet, in order of arrival; and what `init` guesses."""
