"""Tokens cached on disk, and packed batches of them without TensorFlow."""
