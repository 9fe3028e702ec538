"""Recommendation as instructions: the templates and their rendering."""
