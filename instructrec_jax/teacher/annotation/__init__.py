"""The stage `annotate`: which instances, by which teacher, into which texts."""
