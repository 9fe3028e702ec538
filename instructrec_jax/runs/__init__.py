"""What a gin run does, one verb a module: cache, train, evaluate, measure."""
