"""Reads and writes weights in all formats, one tensor at a time."""
