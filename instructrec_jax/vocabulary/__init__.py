"""The vocabulary of a run, and a catalogue's titles tokenized with it."""
