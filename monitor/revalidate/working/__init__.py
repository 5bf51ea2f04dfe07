"""What `foldwatch revalidate` does between question and answer."""
