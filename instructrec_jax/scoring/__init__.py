"""Answers requests in batches with a checkpoint's model on the devices."""
