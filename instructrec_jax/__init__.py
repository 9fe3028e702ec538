"""InstructRec-JAX: language models that recommend, trained in JAX."""

__version__ = "0.1.0"
