"""A pod without a pod: what a step needs on a TPU, compiled on a CPU."""
