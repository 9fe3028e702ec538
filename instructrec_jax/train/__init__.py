"""Our own runner: training step, checkpoints and loop."""
