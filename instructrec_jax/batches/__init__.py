"""Makes numpy batches for the model from records or cached tokens."""
