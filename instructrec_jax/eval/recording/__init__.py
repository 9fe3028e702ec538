"""Writes and reads the results of an evaluation."""
