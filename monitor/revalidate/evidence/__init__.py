"""What is seen of each version: in a daemon, or in the state that one left behind."""
