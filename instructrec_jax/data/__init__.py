"""From raw files to records: sources, tables, splits, candidates, records."""
