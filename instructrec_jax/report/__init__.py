"""Compares results in tables, figures and pages."""
