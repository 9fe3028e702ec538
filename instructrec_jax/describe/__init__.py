"""Statistics of a dataset's instructions: counted, then shown as tables."""
