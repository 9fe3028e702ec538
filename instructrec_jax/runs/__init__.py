"""The commands that run with gin, one a module: cache, train, evaluate, ..."""
