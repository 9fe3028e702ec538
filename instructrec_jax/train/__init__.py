"""The small runner: step, optimizer, checkpoints and the loop."""
