"""Builds a dataset's records, which TFDS can read, and reads them back."""
