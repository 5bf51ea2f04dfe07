"""What was decided and done, as lines that are only ever added to, and what they tell."""
