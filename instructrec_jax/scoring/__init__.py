"""A checkpoint's model on the devices, which answers requests in batches."""
