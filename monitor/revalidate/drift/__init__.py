"""Whether features, predictions and scores still come from where they came."""
