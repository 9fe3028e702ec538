"""Weights in every format, read and written one tensor at a time."""
