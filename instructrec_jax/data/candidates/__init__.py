"""The candidates of validation and test: drawn, retrieved, or given."""
