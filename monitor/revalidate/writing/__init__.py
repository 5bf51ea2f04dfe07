"""The one writer: the desk of whoever holds the state, in the daemon or in the command itself."""
