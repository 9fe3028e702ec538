"""Preferences and intentions, written by a teacher: `instructrec annotate`."""
