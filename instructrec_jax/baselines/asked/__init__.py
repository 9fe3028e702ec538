"""A language model that is asked to rank, without any training."""
