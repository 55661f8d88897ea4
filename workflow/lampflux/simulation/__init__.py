"""Simulated exposures with known truth, and the comparison with it."""
