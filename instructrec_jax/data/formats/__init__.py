"""Turns the bytes of raw files into columns and counts every bad row."""
