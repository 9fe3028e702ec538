"""Measures what a model writes: ratings, attributes, lists and texts."""
