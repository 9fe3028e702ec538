"""Plans a step on TPUs without a TPU: compiles it on a CPU and measures it."""
