"""The teacher without a model, which uses rules and tables of words."""
