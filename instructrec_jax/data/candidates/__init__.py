"""Candidates of validation and test: drawn, retrieved, or given."""
