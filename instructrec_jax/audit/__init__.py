"""What rules that look at no preference score on a dataset's requests."""
