"""Words, phrases and patterns that the rules look for and write."""
