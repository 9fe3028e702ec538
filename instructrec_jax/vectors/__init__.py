"""Text vectors of items, from a sentence encoder, a file or hashed words."""
