"""The vocabulary of a run, and the titles of a catalogue in its tokens."""
