"""Records of a dataset as TFDS reads them: built, and read back."""
