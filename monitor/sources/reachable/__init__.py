"""What `check --connect` asks of topics and files."""
