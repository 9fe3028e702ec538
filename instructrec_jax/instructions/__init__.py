"""Recommendation as instructions: templates, and how they become text."""
