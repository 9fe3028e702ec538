"""Baselines, evaluated on the same requests and candidates as models."""
