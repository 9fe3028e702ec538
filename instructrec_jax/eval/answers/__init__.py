"""What a model writes: ratings, attributes, lists and texts, measured."""
