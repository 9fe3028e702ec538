"""Turns raw files into tables, splits, candidates and records."""
