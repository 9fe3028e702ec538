"""Packages InstructRec-JAX: pyproject.toml says what it is and needs."""

import setuptools

setuptools.setup()
