"""Facts found in lists of items and in reviews, as columns."""
