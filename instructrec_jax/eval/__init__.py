"""Measures rankings, and what models write."""
