"""What a dataset's instructions are, in numbers: gathered, then shown."""
