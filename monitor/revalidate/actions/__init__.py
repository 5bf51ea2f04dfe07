"""How a re-validation is done: one protocol, one file a kind."""
