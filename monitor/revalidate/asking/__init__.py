"""The way to the desk: over HTTP to a daemon, into its loop, or to the state where no daemon runs."""
