"""The teacher without a model: rules and tables of words."""
