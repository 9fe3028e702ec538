"""ITDR (arXiv 2508.05667): seven subtasks over thirteen public datasets."""
