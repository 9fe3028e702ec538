"""Records or cached tokens, as the numpy batches that a model reads."""
