"""Measures how well a system ranks, and reports it."""
