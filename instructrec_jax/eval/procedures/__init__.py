"""From the scores of a task's inputs to rankings of its requests."""
