"""Cleans datasets' texts, and checks a teacher's texts before they are data."""
