"""What lists of items and reviews say, as columns."""
